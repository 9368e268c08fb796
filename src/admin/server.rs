//! The listener: router, guard and limits around the calls.

use super::answer::{BODY_BYTES_MAX, seal};
use super::audit::{Audit, Audited, to_its_end};
use super::calls::{Access, Call, Effect};
use super::foreign::{self, Foreign};
use super::guard::{Admitted, Guard};
use super::handlers::handler;
use super::live::Live;
use super::newcomers::{Ends, Listening};
use super::problem::{self, Problem};
use super::sessions::without_session;
use super::{AdminState, dashboard};
use crate::clock::Clock;
use crate::config::AdminOptions;
use crate::proxy::tls::TlsEndpoint;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long a call may take, its body included. Longer than any purge waits.
const CALL_TIMEOUT: Duration = Duration::from_secs(90);

/// How long calls under way may still take once the data port has drained: they have had that time, too.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a caller who has connected before the end may take to send a call.
const NEWCOMERS_LINGER: Duration = Duration::from_millis(500);

/// Where the admin API is served: in clear text, or over TLS.
pub(crate) struct Port {
    /// The listener.
    pub(crate) listener: TcpListener,
    /// Its side of TLS.
    pub(crate) tls: Option<Arc<TlsEndpoint>>,
}

/// Serves the admin API on `listener` until `shutdown` is done, and a little longer for calls under way, those included
/// whose callers have left.
///
/// # Errors
/// Where the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    state: AdminState,
    options: AdminOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_at(Port { listener, tls: None }, state, options, shutdown).await
}

/// As [`serve`], also over TLS.
pub(crate) async fn serve_at(
    Port { listener, tls }: Port,
    state: AdminState,
    options: AdminOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (engine, decisions) = (Arc::clone(&state.engine), Arc::clone(&state.decisions));
    let live = Arc::<Live>::default();
    let (watched, watched_state) = (Arc::clone(&live), state.clone());
    let service = router(state, &options, Arc::clone(&live)).into_make_service_with_connect_info::<Ends>();
    let listening = Listening::new(listener, tls);
    let newcomers = listening.newcomers();
    let (asked, asked_to_stop) = tokio::sync::oneshot::channel();
    let stopping = async move {
        shutdown.await;
        decisions.close();
        newcomers.close(NEWCOMERS_LINGER).await;
        live.end();
        let _ = asked.send(());
    };
    let serving = axum::serve(listening, service).with_graceful_shutdown(stopping).into_future();
    let drained = async {
        // An error means that serving ended by itself, and then the other branch has it.
        if asked_to_stop.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    let served = async {
        let served = serving.await;
        // What their callers did not wait for.
        engine.unattended().settled().await;
        served
    };
    tokio::select! {
        served = served => served,
        () = drained => Ok(()),
        never = watched.run(watched_state) => match never {},
    }
}

fn router(state: AdminState, options: &AdminOptions, live: Arc<Live>) -> Router {
    let (guard, audit) = (Arc::new(Guard::new(options)), Arc::new(Audit::default()));
    let clock = Arc::clone(&state.clock);
    let door = |call| {
        let (guard, audit, clock) = (Arc::clone(&guard), Arc::clone(&audit), Arc::clone(&clock));
        middleware::from_fn_with_state(Door { guard, audit, clock, call }, admit)
    };
    let mut router = Router::new();
    for call in Call::ALL {
        router = router.route(call.path(), handler(call).layer(door(Some(call))));
    }
    router
        .method_not_allowed_fallback(problem::method_not_allowed)
        .fallback_service(Router::new().fallback(problem::not_found).layer(door(None)))
        .layer(middleware::from_fn_with_state(Foreign { state: state.clone(), guard, audit }, foreign::take))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(Extension(live))
        .with_state(state)
}

/// What stands before one call.
#[derive(Clone)]
struct Door {
    guard: Arc<Guard>,
    audit: Arc<Audit>,
    clock: Arc<dyn Clock>,
    call: Option<Call>,
}

async fn admit(
    State(door): State<Door>,
    ConnectInfo(Ends { local, .. }): ConnectInfo<Ends>,
    request: Request,
    next: Next,
) -> Response {
    let Door { guard, clock, call, .. } = &door;
    let response = match guard.check(*call, request.headers(), local, clock.monotonic()) {
        Ok(admitted) if call.map(Call::effect) == Some(Effect::Changes) => {
            let door = door.clone();
            to_its_end(async move { door.pass(admitted, request, next).await }).await
        }
        Ok(admitted) => door.pass(admitted, request, next).await,
        Err(problem)
            if problem.status == StatusCode::UNAUTHORIZED
                && *call == Some(Call::Dashboard)
                && takes_html(request.headers()) =>
        {
            dashboard::log_in(None)
        }
        Err(problem) => problem.into_response(),
    };
    seal(response)
}

impl Door {
    /// Has a call made by who was let in, if it is theirs to make.
    async fn pass(&self, admitted: Admitted, mut request: Request, next: Next) -> Response {
        let effect = self.call.map_or(Effect::Reads, Call::effect);
        let audited = Audited {
            who: admitted.who().to_owned(),
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
        };
        let allowed = self
            .call
            .filter(|call| call.access() == Access::Token)
            .map_or(Ok(()), |call| admitted.caller.check(call.kind()));
        let mut response = match allowed {
            Ok(()) => {
                if self.call != Some(Call::LogOut) {
                    without_session(request.headers_mut());
                }
                request.extensions_mut().insert(admitted);
                request.extensions_mut().insert(Arc::clone(&self.guard));
                request.extensions_mut().insert(Arc::clone(&self.audit));
                tokio::time::timeout(CALL_TIMEOUT, next.run(request)).await.unwrap_or_else(|_| {
                    Problem::new(StatusCode::REQUEST_TIMEOUT, "the call took too long").into_response()
                })
            }
            Err(problem) => problem.into_response(),
        };
        if effect == Effect::Changes {
            self.audit.note(
                self.call.map_or("another path", Call::path),
                audited,
                self.clock.now().to_rfc3339(),
                &mut response,
            );
        }
        response
    }
}

/// Whether a browser asks.
fn takes_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|line| line.to_str().is_ok_and(|line| line.contains("text/html")))
}
