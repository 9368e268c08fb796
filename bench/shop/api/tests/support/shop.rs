//! The shop as its users run it: the program, over a database that the program has prepared.

use super::postgres::Postgres;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// How many products there are.
pub const PRODUCTS: u64 = 2000;

/// A running shop; it ends with the test.
pub struct Shop {
    process: Child,
    _database: Postgres,
    address: String,
    client: Client,
}

impl Shop {
    /// Starts a database, fills it and starts the shop over it.
    pub fn open() -> Self {
        let database = Postgres::start();
        let prepared = program()
            .args(["prepare", "--database", &database.url(), "--products", &PRODUCTS.to_string()])
            .stdout(Stdio::null())
            .status();
        assert!(prepared.expect("the program runs").success(), "it prepares the database");
        let mut process = program()
            .args(["--listen", "127.0.0.1:0", "--connections", "4", "--database", &database.url()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says where");
        let address = line.trim().strip_prefix("listening on ").expect("it says where it listens").to_owned();
        Self { process, _database: database, address, client: Client::new() }
    }

    /// The answer to a GET.
    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.address)).send().await.expect("the shop answers")
    }

    /// The JSON that a GET answers with 200.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.expect("it is JSON")
    }

    /// The answer to a PUT of this JSON.
    pub async fn put(&self, path: &str, json: &Value) -> Response {
        self.client.put(format!("{}{path}", self.address)).json(json).send().await.expect("the shop answers")
    }

    /// The value of a metric, named with its labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text().await.expect("it is text");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().expect("it is a number")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_shop-api"))
}

/// The items of an answer.
pub fn items(answer: &Value) -> &Vec<Value> {
    answer["items"].as_array().expect("it has items")
}

/// A field of each item, as a number.
pub fn numbers(of: &[Value], field: &str) -> Vec<u64> {
    of.iter().map(|item| item[field].as_u64().unwrap_or_else(|| panic!("no number {field} in {item}"))).collect()
}
