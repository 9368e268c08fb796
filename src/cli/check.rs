//! `larder check`: validates the configuration and the rules.

use super::config_file::ConfigFile;
use crate::cdn::try_apis;
use crate::config::problem::RenderStyle;
use crate::config::{ConfigErrors, LoadedRules, Overrides, Problem};
use crate::upstream::try_servers;
use clap::Args;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// What `larder check` takes.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Try each upstream server, too: its name, a connection, TLS, and its health check where there is one; connections to the
    /// APIs of CDNs; and read the keys of `jwt.jwks`.
    #[arg(long)]
    connect: bool,
}

/// Checks the configuration and the rules that it names. Problems go to standard error, the summary to
/// standard output. Warnings alone are no failure.
pub(super) fn run(file: &ConfigFile, arguments: &CheckArguments) -> ExitCode {
    let style = if io::stderr().is_terminal() { RenderStyle::Coloured } else { RenderStyle::Plain };
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let checked = match check(file, style, &mut out, &mut err) {
        Ok(code) if code == ExitCode::SUCCESS && arguments.connect => connect(file, &mut out, &mut err),
        checked => checked,
    };
    match checked {
        Ok(code) => code,
        // The reader of the output has gone.
        Err(_) => ExitCode::FAILURE,
    }
}

/// As [`run`], with the two outputs given.
///
/// # Errors
/// Where an output can't be written to.
fn check(file: &ConfigFile, style: RenderStyle, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
    let (LoadedRules { rule_set, sources, .. }, warnings) = match load(file) {
        Ok(loaded) => loaded,
        Err(errors) => {
            show(errors.problems(), style, err)?;
            writeln!(err, "{} found", count(errors.problems().len(), "problem"))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    show(&warnings, style, err)?;
    let routes = count(rule_set.routes().len(), "route");
    let files = count(sources.len(), "file");
    let warned = if warnings.is_empty() { "fine".to_owned() } else { count(warnings.len(), "warning") };
    writeln!(out, "{file}: {warned}; {routes} in {files}")?;
    Ok(ExitCode::SUCCESS)
}

/// Tries the upstream servers of a configuration that is good, and reads the keys of tokens.
///
/// # Errors
/// Where an output can't be written to, or nothing can be tried.
fn connect(file: &ConfigFile, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
    let Ok(config) = file.load(&Overrides::default()) else { return Ok(ExitCode::FAILURE) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let default = std::iter::once(("upstream".to_owned(), &config.upstream));
    let named = config.upstreams.iter().map(|(name, pool)| (format!("upstreams.{}", name.as_str()), pool));
    let (mut servers, mut failed) = (0, 0);
    for (pool, options) in default.chain(named) {
        for tried in runtime.block_on(try_servers(options)) {
            servers += 1;
            if let Some(why) = tried.failed {
                failed += 1;
                writeln!(err, "error: `{}` of [{pool}] can't be used: {why}\n", tried.server)?;
            }
        }
    }
    for cdn in &config.cdns {
        for (api, why) in runtime.block_on(try_apis(cdn)) {
            servers += 1;
            if let Some(why) = why {
                failed += 1;
                writeln!(err, "error: `{api}` of the CDN `{}` can't be used: {why}\n", cdn.name)?;
            }
        }
    }
    let keys = config.jwt.as_ref().map(|jwt| runtime.block_on(jwt.read()));
    if let Some(Err(error)) = &keys {
        writeln!(err, "error: no keys for bearer tokens (jwt.jwks): {error}\n")?;
    }
    if failed > 0 {
        writeln!(err, "{failed} of {} can't be used", count(servers, "server"))?;
    }
    if failed > 0 || matches!(keys, Some(Err(_))) {
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "{} can be used", count(servers, "server"))?;
    if let Some(Ok(keys)) = &keys {
        writeln!(out, "{} for bearer tokens", count(keys.len(), "key"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The rules and all warnings, where configuration and rules both resolve; else the problems of the configuration, or of
/// the rules.
fn load(file: &ConfigFile) -> Result<(LoadedRules, Vec<Problem>), ConfigErrors> {
    let config = file.load(&Overrides::default())?;
    let rules = config.load_rules()?;
    let warnings = config.warnings.iter().chain(&rules.warnings).cloned().collect();
    Ok((rules, warnings))
}

fn show(problems: &[Problem], style: RenderStyle, to: &mut dyn Write) -> io::Result<()> {
    problems.iter().try_for_each(|problem| writeln!(to, "{}\n", problem.render(style)))
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(rules: &str) -> (ExitCode, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proxy.toml");
        std::fs::write(&path, "rules = \"rules.toml\"\n[upstream]\nservers = [\"http://127.0.0.1:8000\"]\n").unwrap();
        std::fs::write(folder.path().join("rules.toml"), rules).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = check(&ConfigFile::Named(path), RenderStyle::Plain, &mut out, &mut err).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(folder.path().to_str().unwrap(), "");
        (code, text(out), text(err))
    }

    #[test]
    fn good_rules_pass_with_a_summary() {
        let expected = (ExitCode::SUCCESS, "/proxy.toml: fine; 1 route in 1 file\n".to_owned(), String::new());
        assert_eq!(checked("[[route]]\npath = \"/a\"\n"), expected);
    }

    #[test]
    fn warnings_are_shown_and_pass() {
        let (code, out, err) = checked("[[route]]\npath = \"/**\"\n[[route]]\npath = \"/a\"\n");
        assert_eq!((code, out.as_str()), (ExitCode::SUCCESS, "/proxy.toml: 1 warning; 2 routes in 1 file\n"));
        assert!(err.starts_with("warning: the route `a` can never match"), "{err}");
    }

    #[test]
    fn errors_are_shown_and_fail() {
        let (code, out, err) = checked("[[route]]\npath = \"a\"\nttl = 5\n");
        assert_eq!((code, out.as_str()), (ExitCode::FAILURE, ""));
        assert!(err.contains("error: a path pattern begins with `/`"), "{err}");
        assert!(err.ends_with("2 problems found\n"), "{err}");
    }
}
