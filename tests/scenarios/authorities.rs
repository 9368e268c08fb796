//! One host, however it is written, is one key: RFC 9110 section 4.2.3.

use crate::support::{Setup, get, reply};

#[tokio::test]
async fn a_default_port_and_letter_case_make_no_other_key_and_purges_agree() {
    for (scheme, port, other_port) in [("http", "80", "443"), ("https", "443", "80")] {
        let listen = format!("scheme = \"{scheme}\"");
        let scenario = Setup::route("ttl = \"1m\"").listen(&listen).start().await;
        scenario.origin.on_request("/p", |seen| reply(200).body(seen.value("Host").unwrap_or_default()));
        let hosts =
            ["shop.test", "Shop.TEST", "shop.test:", &format!("shop.test:{port}"), &format!("shop.test:0{port}")]
                .map(str::to_owned);
        let purges = [
            format!("{scheme}://shop.test/p"),
            format!("{scheme}://shop.test:{port}/p"),
            format!("{scheme}://SHOP.test:/p"),
        ];
        for (purge, first) in purges.iter().zip(&hosts[2..]) {
            scenario.fetch(&get("/p").header("Host", first)).await.says("stored").body("shop.test");
            for host in &hosts {
                // The second of each is answered from the read buffer.
                let request = get("/p").header("Host", host);
                let mut client = scenario.begin(&request).await;
                client.response().await.hit();
                client.send(&request).await;
                client.response().await.hit();
            }
            scenario
                .send_raw(format!("GET http://shop.test:{port}/p HTTP/1.1\r\nHost: x\r\n\r\n"))
                .await
                .response()
                .await
                .hit();
            scenario.purge(&format!(r#"{{"urls": ["{purge}"]}}"#)).await;
            scenario.fetch(&get("/p").header("Host", &hosts[3])).await.not_a_hit();
            scenario.purge(r#"{"all": true}"#).await;
        }
        let other = format!("shop.test:{other_port}");
        scenario.fetch(&get("/p").header("Host", "shop.test")).await.says("stored");
        scenario.fetch(&get("/p").header("Host", &other)).await.not_a_hit().body(other.as_str());
    }
}

#[tokio::test]
async fn behind_a_balancer_the_port_is_that_of_the_scheme_that_the_client_used() {
    let listen = "trusted_proxies = [\"127.0.0.1\"]\ntrust_host = true";
    let scenario = Setup::route("ttl = \"1m\"").listen(listen).start().await;
    scenario.origin.on_request("/p", |seen| reply(200).body(seen.value("Host").unwrap_or_default()));
    let secure = |host: &str| get("/p").header("Host", host).header("X-Forwarded-Proto", "https");
    scenario.fetch(&secure("shop.test")).await.says("stored").body("shop.test");
    scenario.fetch(&secure("shop.test:443")).await.hit();
    scenario.fetch(&secure("inner").header("X-Forwarded-Host", "Shop.test:443")).await.hit();
    scenario.fetch(&secure("shop.test:80")).await.not_a_hit().body("shop.test:80");
    scenario.purge(r#"{"urls": ["https://shop.test:443/p"]}"#).await;
    scenario.fetch(&secure("shop.test")).await.not_a_hit();
}
