//! Reading the rules anew: what does not resolve never replaces what does.

use larder::testing::clock::{ManualClock, Timestamp};
use larder::testing::config::{Change, RulesReloader, load_rules, watch};
use larder::testing::rules::RuleSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;

const GOOD: &str = "[[route]]\npath = \"/a\"\n";
const OTHER: &str = "[[route]]\npath = \"/b\"\n";
const BAD: &str = "[[route]]\npath = \"b\"\n";

struct Fixture {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    in_force: Arc<Mutex<RuleSet>>,
    reloader: RulesReloader,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let path = folder.path().join("rules.toml");
        std::fs::write(&path, GOOD).expect("the folder is there");
        let rules = load_rules(&path).expect("these rules are good");
        let in_force = Arc::new(Mutex::new(rules.rule_set));
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(100)));
        let applied = Arc::clone(&in_force);
        let reloader = RulesReloader::new(&path, &rules.warnings, rules.sources, clock.clone(), move |rule_set| {
            *applied.lock().expect("nothing panics in the lock") = rule_set;
        });
        Self { folder, clock, in_force, reloader }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("rules.toml")
    }

    fn write(&self, text: &str) {
        self.clock.advance(Duration::from_secs(1));
        std::fs::write(self.path(), text).expect("the folder is there");
    }

    fn names(&self) -> Vec<String> {
        self.in_force
            .lock()
            .expect("nothing panics in the lock")
            .routes()
            .iter()
            .map(|route| route.name.to_string())
            .collect()
    }
}

#[test]
fn good_rules_come_into_force() {
    let fixture = Fixture::new();
    fixture.write(OTHER);
    let status = fixture.reloader.reload().unwrap();
    assert_eq!(fixture.names(), ["b"]);
    assert_eq!(status.loaded_at, Timestamp::from_secs(101));
    assert_eq!(status.sources[..], [(fixture.path(), OTHER.to_owned())]);
}

#[test]
fn bad_rules_never_replace_good_ones_and_are_told_of_until_good_ones_come() {
    let fixture = Fixture::new();
    fixture.write(BAD);
    fixture.reloader.reload().unwrap_err();
    assert_eq!(fixture.names(), ["a"]);
    let status = fixture.reloader.status();
    assert_eq!((status.loaded_at, &status.sources[0].1[..]), (Timestamp::from_secs(100), GOOD));
    let rejected = status.rejected.unwrap();
    assert_eq!((rejected.at, rejected.errors.reports()[0].line), (Timestamp::from_secs(101), Some(2)));

    fixture.write(OTHER);
    assert!(fixture.reloader.reload().unwrap().rejected.is_none());
    assert_eq!(fixture.names(), ["b"]);
}

#[test]
fn rules_that_vanish_stay_in_force() {
    let fixture = Fixture::new();
    std::fs::remove_file(fixture.path()).unwrap();
    fixture.reloader.reload().unwrap_err();
    assert_eq!(fixture.names(), ["a"]);
    assert!(fixture.reloader.status().rejected.is_some());
}

#[test]
fn rules_that_were_emptied_or_deleted_stay_in_force() {
    for emptied in ["", "# nothing\n", "[[event]]\non = \"a\"\npurge = { all = true }\n"] {
        let fixture = Fixture::new();
        fixture.write(emptied);
        fixture.reloader.reload_if_changed().unwrap_err();
        assert_eq!(fixture.names(), ["a"], "{emptied:?}");
        let rejected = fixture.reloader.status().rejected.expect("the refusal is told");
        assert!(rejected.errors.to_string().contains("there is no route left in"), "{}", rejected.errors);
        fixture.write("[[route]]\npath = \"/**\"\ncache = false\n");
        fixture.reloader.reload_if_changed().unwrap();
        assert_eq!(fixture.names(), ["all"], "nothing is cached where the rules say so");
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), GOOD).unwrap();
    let rules = load_rules(folder.path()).unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(100)));
    let reloader =
        RulesReloader::new(folder.path(), &rules.warnings, rules.sources, clock, |_| panic!("nothing is put in force"));
    std::fs::remove_file(folder.path().join("a.toml")).unwrap();
    reloader.reload().unwrap_err();
    assert!(reloader.status().rejected.is_some());
}

#[test]
fn what_was_read_before_is_not_judged_again() {
    let fixture = Fixture::new();
    assert_eq!(fixture.reloader.reload_if_changed().unwrap(), Change::None);
    fixture.write(BAD);
    fixture.reloader.reload_if_changed().unwrap_err();
    assert_eq!(fixture.reloader.reload_if_changed().unwrap(), Change::None);
    fixture.write(GOOD);
    assert_eq!(fixture.reloader.reload_if_changed().unwrap(), Change::Applied);
    assert!(fixture.reloader.status().rejected.is_none());
}

/// Waits for the watch to call back after `change`.
fn assert_noticed(changes: &Receiver<()>, what: &str, change: impl FnOnce()) {
    while changes.try_recv().is_ok() {}
    change();
    assert!(changes.recv_timeout(Duration::from_secs(20)).is_ok(), "{what} must be noticed");
}

/// Watches until the runtime is dropped.
fn watched(path: &Path) -> (Runtime, Receiver<()>) {
    let (sender, changes) = channel();
    let runtime = Runtime::new().expect("a runtime can be made");
    let path = path.to_owned();
    runtime.spawn(async move {
        let called = move || {
            // The test may have ended.
            let _ = sender.send(());
        };
        watch(&[path], called, |error| panic!("the folder can be watched: {error}")).await;
    });
    changes.recv_timeout(Duration::from_secs(20)).expect("the watch calls back once it stands");
    (runtime, changes)
}

#[test]
fn changes_of_a_file_are_noticed_however_they_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    std::fs::write(&path, GOOD).unwrap();
    let (_watch, changes) = watched(&path);
    assert_noticed(&changes, "a write", || std::fs::write(&path, OTHER).unwrap());
    let replace = || {
        std::fs::write(folder.path().join("new"), GOOD).unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
    };
    assert_noticed(&changes, "a renamed file", replace);
    assert_noticed(&changes, "a second renamed file", replace);
    assert_noticed(&changes, "a removal", || std::fs::remove_file(&path).unwrap());
    assert_noticed(&changes, "a return", || std::fs::write(&path, GOOD).unwrap());
}

#[cfg(unix)]
#[test]
fn a_link_anywhere_above_the_rules_that_is_swapped_is_noticed() {
    use std::os::unix::fs::symlink;
    let swap = |link: &Path, to: &str| {
        let next = link.with_extension("next");
        symlink(to, &next).unwrap();
        std::fs::rename(&next, link).unwrap();
    };
    let root = tempfile::tempdir().unwrap();
    for version in ["v1", "v2"] {
        std::fs::create_dir_all(root.path().join(format!("releases/{version}/etc/rules"))).unwrap();
        let file = root.path().join(format!("releases/{version}/etc/rules/a.toml"));
        std::fs::write(file, if version == "v1" { GOOD } else { OTHER }).unwrap();
    }
    // current -> channel -> releases/v1, and the rules lie two levels below.
    symlink("releases/v1", root.path().join("channel")).unwrap();
    symlink("channel", root.path().join("current")).unwrap();
    let rules = root.path().join("current/etc/rules");
    let (_watch, changes) = watched(&rules);
    for to in ["releases/v2", "releases/v1"] {
        assert_noticed(&changes, "a link behind a link", || swap(&root.path().join("channel"), to));
    }
    assert_noticed(&changes, "the first link", || swap(&root.path().join("current"), "releases/v2"));
    let file = root.path().join("releases/v2/etc/rules/a.toml");
    assert_noticed(&changes, "a file behind the new link", || std::fs::write(&file, GOOD).unwrap());
}

#[test]
fn changes_in_a_folder_are_noticed_after_the_folder_was_replaced() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("rules");
    std::fs::create_dir(&path).unwrap();
    let (_watch, changes) = watched(&path);
    assert_noticed(&changes, "a new file", || std::fs::write(path.join("a.toml"), GOOD).unwrap());
    assert_noticed(&changes, "a renamed folder", || {
        let next = parent.path().join("next");
        std::fs::create_dir(&next).unwrap();
        std::fs::rename(&path, parent.path().join("old")).unwrap();
        std::fs::rename(&next, &path).unwrap();
    });
    assert_noticed(&changes, "a file in the new folder", || std::fs::write(path.join("a.toml"), OTHER).unwrap());
}
