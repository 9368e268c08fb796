//! What is set where, in whatever order it is learned.

use super::*;

const NOON: Timestamp = Timestamp::from_secs(1_700_000_000);
const MINUTE: Duration = Duration::from_mins(1);

/// Set at noon for `minutes` at the `place`th place of the log.
fn switch(place: u64, scope: &str, mode: SwitchMode, minutes: u32) -> PlacedSwitch {
    let (why, who, by) = ("the origin is ill".to_owned(), "ops".to_owned(), "one".to_owned());
    let until = NOON.saturating_add(MINUTE * minutes);
    let switch = Switch { scope: SwitchScope::named(scope), mode, set_at: NOON, until, why, who, by };
    PlacedSwitch { since: Stamp::local(place), switch }
}

fn check(set: &[(&str, SwitchMode, u32)], route: &str, minute: u32, expected: SwitchMode) {
    for order in orders(set.len()) {
        let board = SwitchBoard::default();
        for place in &order {
            let (scope, mode, minutes) = set[*place];
            board.set(switch(*place as u64 + 1, scope, mode, minutes));
        }
        let now = NOON.saturating_add(MINUTE * minute);
        assert_eq!(board.mode(&RouteName::new(route), || now), expected, "{set:?} in {order:?}: {route} at {minute}");
        let placed = board.of(&RouteName::new(route), now);
        assert_eq!(placed.map_or(SwitchMode::Normal, |placed| placed.switch.mode), expected, "{set:?} in {order:?}");
    }
}

/// Every order of the first `count` numbers.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else { return vec![Vec::new()] };
    let places = |order: Vec<usize>| {
        (0..=order.len()).map(move |at| {
            let mut order = order.clone();
            order.insert(at, last);
            order
        })
    };
    orders(last).into_iter().flat_map(places).collect()
}

#[test]
fn a_switch_holds_for_its_route_and_ends_by_itself() {
    use SwitchMode::{Bypass, Freeze, Normal, StaleOnly};
    let shop = [("shop", Bypass, 10)];
    for (route, minute, expected) in
        [("shop", 0, Bypass), ("shop", 9, Bypass), ("shop", 10, Normal), ("shop", 99, Normal), ("search", 0, Normal)]
    {
        check(&shop, route, minute, expected);
    }
    check(&[("*", Freeze, 10)], "shop", 9, Freeze);
    check(&[("*", Freeze, 10)], "shop", 10, Normal);
    check(&[("*", StaleOnly, 10), ("shop", Bypass, 5)], "shop", 4, Bypass);
    check(&[("*", StaleOnly, 10), ("shop", Bypass, 5)], "shop", 6, StaleOnly);
    check(&[("*", StaleOnly, 10), ("shop", Normal, 5)], "shop", 4, Normal);
    check(&[("*", StaleOnly, 10), ("shop", Normal, 5)], "search", 4, StaleOnly);
}

#[test]
fn the_later_counts_in_whatever_order_they_are_learned() {
    use SwitchMode::{Bypass, Freeze, Normal, StaleOnly};
    check(&[("shop", Bypass, 10), ("shop", Freeze, 10)], "shop", 1, Freeze);
    check(&[("shop", Bypass, 10), ("shop", Normal, 0)], "shop", 1, Normal);
    check(&[("shop", Bypass, 10), ("shop", Normal, 0), ("shop", StaleOnly, 5)], "shop", 1, StaleOnly);
    // Normal for all ends every switch that was set before.
    check(&[("shop", Bypass, 10), ("*", Freeze, 10), ("*", Normal, 0)], "shop", 1, Normal);
    check(&[("*", Normal, 0), ("shop", Bypass, 10)], "shop", 1, Bypass);
    check(&[("*", Freeze, 10), ("*", Normal, 0), ("*", StaleOnly, 10)], "shop", 1, StaleOnly);
}

#[test]
fn what_is_on_is_listed_and_what_is_over_is_remembered() {
    let board = SwitchBoard::default();
    board.set(switch(1, "shop", SwitchMode::Bypass, 10));
    board.set(switch(2, "search", SwitchMode::Freeze, 1));
    board.set(switch(3, "shop", SwitchMode::Normal, 0));
    let scopes =
        |placed: Vec<PlacedSwitch>| placed.iter().map(|placed| placed.switch.scope.to_string()).collect::<Vec<_>>();
    assert_eq!(scopes(board.on(NOON)), ["search"]);
    assert_eq!(scopes(board.remembered()), ["search", "shop"]);
    let over = NOON.saturating_add(MINUTE * 2);
    assert!(board.on(over).is_empty());
    assert_eq!(board.mode(&RouteName::new("search"), || over), SwitchMode::Normal);
    assert!(!board.is_used.load(Ordering::Relaxed), "nobody looks any more");
    board.set(switch(4, "search", SwitchMode::Bypass, 10));
    assert_eq!(board.mode(&RouteName::new("search"), || over), SwitchMode::Bypass);
}

#[test]
fn labels_are_read_as_they_are_written() {
    for mode in SwitchMode::ALL {
        assert_eq!(SwitchMode::parse(mode.label()), Some(mode));
    }
    assert_eq!(SwitchMode::parse("off"), None);
}
