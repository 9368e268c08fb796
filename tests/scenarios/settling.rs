//! `settle`: what was fetched shortly after a purge is fetched again, since the origin may have asked a replica that lagged.

use crate::support::deadline::within;
use crate::support::{Setup, post, reply};

#[tokio::test]
async fn what_was_fetched_shortly_after_a_purge_is_fetched_again_and_says_why() {
    let scenario = Setup::route("settle = \"500ms\"\ntags = [\"all\"]").start().await;
    scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("a page"));
    within("an answer kept for a moment, and fetched again", async {
        // On a busy machine the moment may have passed before the answer is there: then another purge begins another.
        loop {
            scenario.admin(post("/purge", r#"{"tags": ["all"]}"#)).await.status(200);
            scenario.get("/p").await.status(200);
            loop {
                let again = scenario.get("/p").await;
                if again.is_hit() {
                    continue;
                }
                if again.head.values("Cache-Status").join(", ").contains("detail=settled") {
                    return;
                }
                break;
            }
        }
    })
    .await;
}
