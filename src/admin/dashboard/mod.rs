//! `GET /`: the dashboard, a page whose scripts and styles are in the program. And the page to log in.
//!
//! The pages hold no data: the dashboard's scripts read `GET /live` and make the other calls, and put what they are told
//! into the page as text, never as markup. The policy lets nothing run that is not a file of [`ASSETS`].

use super::guard::{Admitted, By};
use super::problem::{Problem, WANTS_TOKEN, not_found};
use axum::extract::{Extension, Path};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, WWW_AUTHENTICATE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// A form's `Origin` is sent to this listener alone; with `no-referrer` a browser would send it to none.
const FIELDS: [(HeaderName, &str); 3] =
    [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY), (REFERRER_POLICY, "same-origin")];

const PAGE: &str = include_str!("assets/index.html");
const LOGIN: &str = include_str!("assets/login.html");

/// What in [`PAGE`] gives way to [`LOG_OUT`] for a browser that has logged in.
const LOG_OUT_PLACE: &str = "<!-- log out -->";
const LOG_OUT: &str = "<form method=\"post\" action=\"/logout\"><button>Log out</button></form>";

/// What in [`LOGIN`] gives way to what was wrong with the token given.
const FAULT_PLACE: &str = "<!-- fault -->";

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// A file of the pages: its name, its type, its text.
macro_rules! assets {
    ($($name:literal: $kind:expr,)*) => {
        [$(($name, $kind, include_str!(concat!("assets/", $name)))),*]
    };
}

/// The files of the pages. They are the same for everybody and hold no data of this instance.
const ASSETS: [(&str, &str, &str); 22] = assets! {
    "style.css": CSS,
    "parts.css": CSS,
    "icon.svg": SVG,
    "uplot.css": CSS,
    "uplot.js": JS,
    "uplot-LICENSE.txt": TEXT,
    "theme.js": JS,
    "main.js": JS,
    "page.js": JS,
    "units.js": JS,
    "calls.js": JS,
    "charts.js": JS,
    "numbers.js": JS,
    "routes.js": JS,
    "upstreams.js": JS,
    "purges.js": JS,
    "explain.js": JS,
    "rules.js": JS,
    "hot.js": JS,
    "jobs.js": JS,
    "switches.js": JS,
    "consistency.js": JS,
};

pub(super) async fn show(Extension(admitted): Extension<Admitted>) -> Response {
    let log_out = match admitted.by {
        By::Session => LOG_OUT,
        By::Nothing | By::Token | By::Address => "",
    };
    (FIELDS, PAGE.replace(LOG_OUT_PLACE, log_out)).into_response()
}

/// The page that asks for the token, and what was wrong with the one given.
pub(super) fn log_in(fault: Option<&'static str>) -> Response {
    let fault = fault.map(|fault| format!("<p class=\"fault\" role=\"alert\">{fault}</p>")).unwrap_or_default();
    let page = LOGIN.replace(FAULT_PLACE, &fault);
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, WANTS_TOKEN)], FIELDS, page).into_response()
}

/// One of [`ASSETS`].
pub(super) async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => Ok(([(CONTENT_TYPE, *kind), (CACHE_CONTROL, "no-cache")], *text).into_response()),
        None => Err(not_found().await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_and_files_name_only_files_that_are_there() {
        let reference = regex::Regex::new(r#"(?:src|href|from)[ =]"(?:/assets/|\./)([^"]+)""#).unwrap();
        let own = ASSETS.iter().filter(|(name, ..)| !name.starts_with("uplot"));
        let texts: Vec<&str> = [PAGE, LOGIN].into_iter().chain(own.map(|(_, _, text)| *text)).collect();
        let named: Vec<&str> = texts
            .iter()
            .flat_map(|text| reference.captures_iter(text).map(|found| found.get(1).unwrap().as_str()))
            .collect();
        for name in &named {
            assert!(ASSETS.iter().any(|(known, ..)| known == name), "{name} is not there");
        }
        for (name, ..) in ASSETS.iter().filter(|(_, kind, _)| *kind != TEXT) {
            assert!(named.contains(name), "{name} is named by none");
        }
    }

    #[test]
    fn the_scripts_make_no_markup_of_text_and_the_pages_hold_no_script_or_style() {
        for (name, kind, text) in ASSETS {
            if kind == JS {
                for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
                {
                    assert!(!text.contains(word), "{name} uses {word}");
                }
            }
        }
        let inline = regex::Regex::new(r"<style|\sstyle=|\son[a-z]+=|<script[^>]*>[^<]").unwrap();
        for page in [PAGE, LOGIN] {
            assert!(!inline.is_match(page), "{page}");
        }
        assert!(PAGE.contains(LOG_OUT_PLACE) && LOGIN.contains(FAULT_PLACE));
    }

    #[test]
    fn no_file_of_the_pages_is_long() {
        for (name, _, text) in ASSETS {
            assert!(text.lines().count() <= 450, "{name}");
        }
    }
}
