//! What each command's `--help` ends with: how it is used.

pub(super) const LARDER: &str = "\
Try `larder demo` first: it needs no other component and prints the curl lines to try.
Then: larder init --upstream http://127.0.0.1:8000 && larder check && larder serve

Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage.";

pub(super) const SERVE: &str = "\
Examples:
  larder serve --upstream http://127.0.0.1:8000        # no file: everything passes through until there are rules
  larder serve --config /etc/larder/proxy.toml
  larder serve --upstream http://127.0.0.1:8000 --rules ./rules --redis redis://127.0.0.1:6379

Each key of proxy.toml can be set by an environment variable, which goes before the file:
  LARDER_UPSTREAM_SERVERS=http://10.0.0.1:8000,http://10.0.0.2:8000 LARDER_LISTEN_HTTP=0.0.0.0:8080 larder serve

Signals: SIGTERM and SIGINT drain and end, SIGHUP reloads proxy.toml and the rules.";

pub(super) const INIT: &str = "\
Examples:
  larder init                                          # ./proxy.toml and ./rules/10-first.toml
  larder init --upstream http://127.0.0.1:8000
  larder init --config /etc/larder/proxy.toml";

pub(super) const CHECK: &str = "\
Examples:
  larder check
  larder check --connect                               # and try the upstream servers
  larder check --config /etc/larder/proxy.toml && systemctl reload larder

Exit codes: 0 good, warnings included; 1 not good, each problem with its place and a hint.";

pub(super) const EXPLAIN: &str = "\
Examples:
  larder explain http://shop.example.com/api/products/42
  larder explain -H 'Accept-Language: de' -H 'Cookie: currency=EUR' http://shop.example.com/api/search?q=shoes
  larder explain -X POST -d @search.json http://shop.example.com/api/search      # where the route has `body_key`
  larder explain --request-id 5fc7d96b33ecde8b88f3d84aa2708037   # what was decided about one that is over
  larder explain --admin-url http://10.0.0.7:9180 --json http://shop.example.com/api/products/42";

pub(super) const LOG: &str = "\
Examples:
  larder log
  larder log --route search --outcome miss,stale --min-ms 200
  larder log --sample 1% --json | jq .target
  larder log --count 100

Shown is what is decided from now on. What comes faster than it can be shown is left out, and how much that is, is said.

Exit codes: 0 with --count, once they have been shown; 1 where the instance ends or cannot be asked.";

pub(super) const STATS: &str = "\
Examples:
  larder stats
  larder stats --json | jq .overall.hit_ratio";

pub(super) const TOP: &str = "\
Examples:
  larder top
  larder top --by origin_seconds_saved --window 1h --route search
  larder top --json | jq '.searches.terms[].term'

Keys: q ends, s sorts by the next measure, w takes the next window, 1 to 9 one route, a all routes. In a pipe, what stands out
now is printed once. ~ marks estimates; --json says how far each may be off.";

pub(super) const PURGE: &str = "\
Examples:
  larder purge --tag product:42 --tag search
  larder purge --url http://shop.example.com/api/products/42
  larder purge --prefix /api/products --soft           # stale instead of gone
  larder purge --tag search --dry-run                  # what it would take, and the fetches to expect; purges nothing
  larder purge --all --wait 2s                         # fails where an instance has not purged within two seconds";

pub(super) const WARM: &str = "\
Examples:
  larder warm http://shop.example.com/api/products http://shop.example.com/api/categories
  larder warm http://shop.example.com/sitemap.xml --rate 50/s
  larder warm /var/log/larder/access.jsonl.gz --top 500
  zcat access.log.*.gz | larder warm - --host shop.example.com --top 1000 --concurrent 8

Only what is not fresh is fetched, by the rules in force, and clients go first. Damaged lines of a log are counted, and the first are
named on standard error.

Exit codes: 0 done; 1 something could not be fetched, or it did not come to its end; 2 wrong usage.";

pub(super) const REPLAY: &str = "\
Examples:
  larder replay --log access.jsonl                     # the rules that proxy.toml names
  larder replay --log access.jsonl --rules new/        # others beside them
  larder replay --log access.log.2.gz access.log.1 --host shop.example.com --rules new.toml --json
  zcat access.log.*.gz | larder replay --log - --config /etc/larder/proxy.toml

No instance is asked and nothing is fetched. Hits are the share of requests that were answered from the cache without waiting; the
row `measured` is what Larder's own log says really happened. Damaged lines are counted, and the first are named on standard error.

Exit codes: 0 done; 1 the configuration, the rules or a log can't be read, or no log has a request; 2 wrong usage.";

pub(super) const LEARN: &str = "\
Examples:
  larder learn --for 1h --out learned.toml             # then read it, check it, replay it, and move it into the rules folder
  larder learn --for 10m --min-clients 10 --min-answers 100
  larder learn --show                                  # what the session that runs has learned so far
  larder learn --show --json | jq '.left_out[] | select(.looks_personal)'

Only answers that the upstream gave to one request alone are looked at, with no rule in between that says what of a request
counts. Bodies are never kept, only keyed digests, in some 25 MiB at most. A client is an address: behind a balancer, set
listen.trusted_proxies, or all are one.

Exit codes: 0 done, also where nothing is proposed; 1 it could not be done; 2 wrong usage.";

pub(super) const SWITCH: &str = "\
Examples:
  larder switch --all bypass --for 1h                  # turn caching off, everywhere, for an hour
  larder switch search stale-only --for 30m --why 'the search server is ill'
  larder switch --all freeze --for 2h --wait 2s        # before the upstream goes down for maintenance
  larder switch search normal                          # end it before its time
  larder switch                                        # what is on, until when, by whom and why

Each ends by itself after --for, at most a day. A route's own switch goes before that for all; `--all normal` ends every one.
Purges hold whatever is switched.";

pub(super) const CHANGES: &str = "\
Examples:
  larder changes plan                                  # the SQL for the publication, the role and the replica identities
  larder changes plan | psql -d shop                   # as a superuser; of MariaDB: | mariadb
  larder changes verify                                # what the database lacks, and the SQL that mends it

`plan` asks no database; `verify` asks the one of [events.postgres_changes] or [events.mysql_changes]. Warnings are of what works but
purges more than it must, or may fill the disk.

Exit codes: 0 done, nothing is missing; 1 something is, or the database can't be asked; 2 wrong usage.";

pub(super) const HEALTHCHECK: &str = "\
Examples:
  larder healthcheck                                   # the admin API that proxy.toml or LARDER_ADMIN_LISTEN names
  larder healthcheck --admin-url http://127.0.0.1:9180 --timeout 1s
  HEALTHCHECK CMD [\"larder\", \"healthcheck\"]            # in a Dockerfile

Exit codes: 0 ready; 1 starting, draining, or not there.";

pub(super) const DEMO: &str = "\
Examples:
  larder demo
  larder demo --listen 127.0.0.1:0 --admin 127.0.0.1:0 # on free ports";

pub(super) const MAN: &str = "\
Examples:
  larder man | man -l -
  larder man --out /usr/local/share/man/man1";

pub(super) const COMPLETIONS: &str = "\
Examples:
  larder completions bash >/etc/bash_completion.d/larder
  larder completions zsh >~/.zfunc/_larder
  larder completions fish >~/.config/fish/completions/larder.fish";
