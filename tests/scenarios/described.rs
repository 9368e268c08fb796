//! The `OpenAPI` document beside what the calls really answer: each field of each answer is described.
//!
//! Schemathesis holds answers to what the document says of them; here nothing may be said that the document does not.

use crate::support::{Request, Scenario, Setup, get, post, reply};
use serde_json::{Map, Value};

const RULES: &str = "[[route]]\nname = \"product\"\npath = \"/p/{id}\"\nttl = \"1h\"\ntags = [\"product:{id}\"]\n\
                     [[route]]\nname = \"search\"\npath = \"/search\"\nttl = \"1h\"\nsearch_term = \"q\"\n\
                     [[event]]\non = \"product.updated\"\npurge = { tags = [\"product:{id}\"] }\n";

/// What a call's answer is to be looked at for.
struct Asked {
    /// The path as the document has it.
    path: &'static str,
    method: &'static str,
    status: &'static str,
    call: Request,
}

fn asked(path: &'static str, method: &'static str, status: &'static str, call: Request) -> Asked {
    Asked { path, method, status, call }
}

fn calls() -> Vec<Asked> {
    vec![
        asked("/purge", "post", "200", post("/purge", r#"{"tags": ["product:1"], "wait": "1s"}"#)),
        asked("/purge", "post", "200", post("/purge?dry_run=true", r#"{"all": true}"#)),
        asked("/purge", "post", "400", post("/purge", r#"{"tags": 1}"#)),
        asked("/events", "post", "200", post("/events", r#"{"type": "product.updated", "id": 2}"#)),
        asked("/events", "post", "200", post("/events", r#"{"type": "product.updated"}"#)),
        asked("/purges", "get", "200", get("/purges")),
        asked(
            "/warm",
            "post",
            "202",
            post("/warm", r#"{"urls": ["http://shop.test/p/1", "http://shop.test/p/gone"]}"#),
        ),
        asked("/learn", "post", "202", post("/learn", r#"{"for": "1h"}"#)),
        asked("/learned", "get", "200", get("/learned")),
        asked("/jobs", "get", "200", get("/jobs")),
        asked("/explain", "get", "200", get("/explain?url=http%3A%2F%2Fshop.test%2Fp%2F1")),
        asked("/explain", "get", "200", get("/explain?url=http%3A%2F%2Fshop.test%2Fother")),
        asked("/top", "get", "200", get("/top")),
        asked("/searches", "get", "200", get("/searches")),
        asked("/rules/check", "post", "200", post("/rules/check", "[[route]]\nttl = 1\n")),
        asked("/rules/shadow", "post", "201", post("/rules/shadow", RULES)),
        asked("/rules/shadow", "get", "200", get("/rules/shadow")),
        asked("/rules", "get", "200", get("/rules")),
        asked("/reload", "post", "200", post("/reload", "{}")),
        asked(
            "/routes/{name}/switch",
            "post",
            "200",
            post("/routes/product/switch", r#"{"mode": "freeze", "for": "1h", "why": "a test"}"#),
        ),
        asked("/routes", "get", "200", get("/routes")),
        asked("/audit", "get", "200", get("/audit")),
        asked("/upstreams", "get", "200", get("/upstreams")),
        asked("/stats", "get", "200", get("/stats")),
        asked("/healthz", "get", "200", get("/healthz")),
        asked("/readyz", "get", "200", get("/readyz")),
    ]
}

/// A shop that has been asked for something of each kind.
async fn visited() -> Scenario {
    let shop = Setup::rules(RULES).start().await;
    for path in ["/p/1", "/p/2", "/search", "/other"] {
        shop.origin.on(path, reply(200).body(path));
    }
    for path in ["/p/1", "/p/1", "/p/2", "/search?q=shoes", "/search?q=shoes", "/other", "/p/gone"] {
        shop.get(path).await;
    }
    shop
}

/// The document, in which schemas refer to one another.
struct Document(Value);

impl Document {
    fn resolved<'d>(&'d self, schema: &'d Value) -> &'d Value {
        let name = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
        name.map_or(schema, |name| self.0.pointer(name).unwrap_or_else(|| panic!("nothing is at {name}")))
    }

    /// What a call's answer is described by.
    fn schema(&self, Asked { path, method, status, .. }: &Asked) -> &Value {
        let response = self.resolved(&self.0["paths"][path][method]["responses"][status]);
        let content = response["content"].as_object().unwrap_or_else(|| panic!("{method} {path} {status}: {response}"));
        &content.values().next().expect("a kind of content")["schema"]
    }

    /// The schemas that a value may have by this one.
    fn alternatives<'d>(&'d self, schema: &'d Value) -> Vec<&'d Value> {
        let schema = self.resolved(schema);
        let lists = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|name| schema[name].as_array());
        let others = lists.flatten().flat_map(|schema| self.alternatives(schema));
        std::iter::once(schema).chain(others).collect()
    }

    /// Where a value has fields that no schema describes.
    fn undescribed(&self, schemas: &[&Value], value: &Value, place: &str, found: &mut Vec<String>) {
        let schemas: Vec<&Value> = schemas.iter().flat_map(|schema| self.alternatives(schema)).collect();
        match value {
            Value::Object(fields) => self.undescribed_fields(&schemas, fields, place, found),
            Value::Array(items) => {
                let of_items: Vec<&Value> = schemas.iter().filter_map(|schema| schema.get("items")).collect();
                for (place, item) in items.iter().enumerate().map(|(n, item)| (format!("{place}[{n}]"), item)) {
                    self.undescribed(&of_items, item, &place, found);
                }
            }
            _ => {}
        }
    }

    fn undescribed_fields(
        &self,
        schemas: &[&Value],
        fields: &Map<String, Value>,
        place: &str,
        found: &mut Vec<String>,
    ) {
        for (name, value) in fields {
            let place = format!("{place}.{name}");
            let mut of_field: Vec<&Value> =
                schemas.iter().filter_map(|schema| schema["properties"].get(name)).collect();
            if of_field.is_empty() {
                let others = schemas.iter().filter_map(|schema| schema.get("additionalProperties"));
                of_field = others.filter(|schema| schema.is_object()).collect();
            }
            if of_field.is_empty() {
                found.push(place);
            } else {
                self.undescribed(&of_field, value, &place, found);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_field_of_each_answer_is_in_the_openapi_document() {
    let shop = visited().await;
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let document = Document(json(shop.admin(get("/openapi.json")).await.text()));
    let mut found = Vec::new();
    for asked in calls() {
        let answer = shop.admin(asked.call.clone()).await;
        answer.status(asked.status.parse().expect("a status is a number"));
        let place = format!("{} {} {}", asked.method, asked.path, asked.status);
        document.undescribed(&[document.schema(&asked)], &json(answer.text()), &place, &mut found);
    }
    found.dedup();
    assert!(found.is_empty(), "{found:#?}");
}
