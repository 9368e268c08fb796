//! Health checks: which servers are asked, and that nobody is checked more than needed.

use crate::busy_origin::{BusyOrigin, Does, Keeps, OK};
use crate::raw_origin::*;
use http::Method;
use larder::testing::semantics::Reason;
use larder::testing::upstream::{HealthOptions, ServerState, UpstreamOptions, UpstreamPool};
use std::sync::Arc;
use std::time::Duration;

const SICK: Does = Does::Answer("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
const MISSING: Does = Does::Answer("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");

async fn origins(count: usize) -> Vec<BusyOrigin> {
    let mut origins = Vec::new();
    for _ in 0..count {
        origins.push(BusyOrigin::start(OK, Keeps::Open).await);
    }
    origins
}

fn health() -> HealthOptions {
    HealthOptions {
        path: "/healthz?deep=1".parse().unwrap(),
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(500),
        expect: "200-399".parse().unwrap(),
        rise: 2,
        fall: 2,
    }
}

fn pool_of(origins: &[BusyOrigin], health: HealthOptions) -> Arc<UpstreamPool> {
    let urls: Vec<_> = origins.iter().map(BusyOrigin::url).collect();
    running(UpstreamOptions { health: Some(Arc::new(health)), ..options(&urls) })
}

fn states(pool: &UpstreamPool) -> Vec<ServerState> {
    pool.stats().iter().map(|server| server.state).collect()
}

async fn status(pool: &Arc<UpstreamPool>) -> Result<u16, Reason> {
    let response = fetch(pool, request(&Method::POST, &[], empty())).await.map_err(|error| error.reason())?;
    let status = response.status().as_u16();
    body(response).await.unwrap();
    Ok(status)
}

#[tokio::test]
async fn a_server_is_taken_out_and_brought_back_by_its_checks_alone() {
    for sick in [SICK, MISSING, Does::Reset, Does::Hang] {
        let origins = origins(3).await;
        let pool = pool_of(&origins, HealthOptions { timeout: Duration::from_millis(50), ..health() });
        origins[1].health_does(sick);
        until(|| states(&pool) == [ServerState::Up, ServerState::Down, ServerState::Up]).await;
        for _ in 0..20 {
            assert_eq!(status(&pool).await, Ok(200));
        }
        assert_eq!(origins[1].requests(), 0, "{sick:?}");
        origins[1].health_does(OK);
        until(|| states(&pool) == [ServerState::Up; 3]).await;
        for _ in 0..30 {
            assert_eq!(status(&pool).await, Ok(200));
        }
        assert_eq!(origins[1].requests(), 10, "{sick:?}");
    }
}

#[tokio::test]
async fn a_check_asks_the_server_itself_for_the_path_and_takes_what_is_expected() {
    let teapot = Does::Answer("HTTP/1.1 418 I'm a teapot\r\ncontent-length: 0\r\n\r\n");
    let origins = origins(2).await;
    origins[0].health_does(teapot);
    let pool = pool_of(&origins, HealthOptions { expect: "418,500-599".parse().unwrap(), ..health() });
    until(|| states(&pool) == [ServerState::Up, ServerState::Down]).await;
    let head = origins[0].last_check();
    let authority = origins[0].url().trim_start_matches("http://");
    assert!(head.starts_with("get /healthz?deep=1 http/1.1"), "{head}");
    assert!(head.contains(&format!("host: {authority}")), "{head}");
    assert_eq!(pool.stats()[0].connections_opened, 0, "they are no connections of requests");
}

#[tokio::test]
async fn one_check_at_a_time_whatever_is_asked() {
    let origins = origins(2).await;
    let pool = pool_of(&origins, HealthOptions { interval: Duration::from_millis(1), ..health() });
    origins[0].health_does(Does::Hang);
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { (status(&pool).await, status(&pool).await) })
        })
        .collect();
    for asked in asking {
        assert_eq!(within(asked).await.unwrap(), (Ok(200), Ok(200)));
    }
    until(|| origins.iter().all(|origin| origin.checks() >= 3)).await;
    assert_eq!(origins.each_at_once(), [1, 1]);
}

trait AtOnce {
    fn each_at_once(&self) -> Vec<usize>;
}

impl AtOnce for Vec<BusyOrigin> {
    fn each_at_once(&self) -> Vec<usize> {
        self.iter().map(BusyOrigin::checks_at_once).collect()
    }
}

#[tokio::test]
async fn servers_that_give_no_answer_to_checks_are_asked_nothing_and_the_first_pass_brings_one_back() {
    let origins = origins(3).await;
    let pool = pool_of(&origins, HealthOptions { rise: 1000, ..health() });
    for origin in &origins {
        origin.health_does(Does::Reset);
    }
    until(|| states(&pool) == [ServerState::Down; 3]).await;
    let before: Vec<_> = origins.iter().map(BusyOrigin::requests).collect();
    for _ in 0..20 {
        assert_eq!(status(&pool).await, Err(Reason::UpstreamNoServer));
    }
    assert_eq!(origins.iter().map(BusyOrigin::requests).collect::<Vec<_>>(), before);
    origins[2].health_does(OK);
    until(|| states(&pool) == [ServerState::Down, ServerState::Down, ServerState::Up]).await;
    assert_eq!(status(&pool).await, Ok(200));
    let found: Vec<_> = origins.iter().map(BusyOrigin::requests).collect();
    assert_eq!(found, [before[0], before[1], before[2] + 1]);
}

#[tokio::test]
async fn where_all_answer_checks_otherwise_than_expected_they_are_still_asked() {
    let origins = origins(2).await;
    for origin in &origins {
        origin.health_does(MISSING);
    }
    let pool = pool_of(&origins, health());
    until(|| states(&pool) == [ServerState::Down; 2]).await;
    for _ in 0..10 {
        assert_eq!(status(&pool).await, Ok(200));
    }
    assert_eq!(origins.iter().map(BusyOrigin::requests).collect::<Vec<_>>(), [5, 5]);
}

#[tokio::test]
async fn a_server_that_comes_back_begins_with_a_tenth_of_its_share() {
    let origins = origins(2).await;
    let urls: Vec<_> = origins.iter().map(BusyOrigin::url).collect();
    let slow_start = Duration::from_hours(1);
    let health = Some(Arc::new(health()));
    let pool = running(UpstreamOptions { health, slow_start, ..options(&urls) });
    for _ in 0..10 {
        assert_eq!(status(&pool).await, Ok(200));
    }
    assert_eq!(origins[1].requests(), 5, "who is there from the beginning takes all of it");
    origins[1].health_does(SICK);
    until(|| states(&pool) == [ServerState::Up, ServerState::Down]).await;
    origins[1].health_does(OK);
    until(|| states(&pool) == [ServerState::Up; 2]).await;
    for _ in 0..110 {
        assert_eq!(status(&pool).await, Ok(200));
    }
    let share = origins[1].requests() - 5;
    assert!((9..=12).contains(&share), "{share} of 110");
}
