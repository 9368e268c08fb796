//! Tells the program which revision it is built from: `LARDER_REVISION` where it is set, else what git says of a release
//! build. Builds for development are not asked, so that a commit does not compile everything anew.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=LARDER_REVISION");
    let given = std::env::var("LARDER_REVISION").ok().filter(|revision| !revision.is_empty());
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let revision = match given {
        Some(revision) => revision,
        None if is_release => from_git().unwrap_or_else(|| "unknown".to_owned()),
        None => "development".to_owned(),
    };
    let revision: String =
        revision.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+')).collect();
    println!("cargo::rustc-env=LARDER_REVISION={revision}");
}

/// The commit that is checked out; none where there is no git or no repository, as in an unpacked archive.
fn from_git() -> Option<String> {
    // What changes with each commit and each checkout.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-changed=src");
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|files| !files.is_empty());
    Some(if changed { format!("{commit}-modified") } else { commit })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
