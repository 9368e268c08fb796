//! From the raw `[[events.webhook]]` to its options.

use super::problem::{Place, Problem};
use super::raw_webhook::{RawSignature, RawWebhook};
use super::resolve::Resolver;
use super::table::Placed;
use super::values::FieldTable;
use crate::events::webhook::{Form, KindFrom, Webhook};
use crate::secret;
use http::HeaderName;
use serde_json_path::JsonPath;
use std::time::Duration;

/// `window`
const WINDOW: Duration = Duration::from_mins(5);

const JSON_PATH: &str = "a JSONPath begins with `$`: \"$.data.object.id\"";

impl Resolver<'_> {
    /// `[[events.webhook]]`
    pub(super) fn webhooks(&mut self, raw: Option<Placed<Vec<Placed<RawWebhook>>>>) -> Vec<Webhook> {
        let mut webhooks: Vec<Webhook> = Vec::new();
        for raw in raw.map(|raw| raw.value).unwrap_or_default() {
            let Some(webhook) = self.webhook(&raw) else { continue };
            if webhooks.iter().any(|known| known.name == webhook.name) {
                let message = format!("two webhooks are called `{}`", webhook.name);
                self.problems.error(&raw.place, message, None::<String>);
            }
            webhooks.push(webhook);
        }
        webhooks
    }

    fn webhook(&mut self, Placed { value: raw, place }: &Placed<RawWebhook>) -> Option<Webhook> {
        let (Some(name), Some(secrets), Some(signature)) = (&raw.name, &raw.secrets, &raw.signature) else {
            if !self.problems.has_errors_within(place) {
                let hint = "write signature = { header = \"X-Hub-Signature-256\", form = \"sha256=hex\" }";
                self.problems.error(place, "a webhook wants `name`, `secrets` and `signature`", Some(hint));
            }
            return None;
        };
        let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(is_fit) {
            let hint = "a name is at most 64 of a-z, 0-9, `-` and `_`";
            self.problems.error(&name.place, format!("`{}` is not a name for a webhook", name.value), Some(hint));
        }
        if secrets.value.is_empty() && !self.problems.has_errors_within(&secrets.place) {
            self.problems.error(&secrets.place, "without a secret nobody is believed", None::<String>);
        }
        let mut files = Vec::new();
        for file in &secrets.value {
            let path = self.folder.join(&file.value);
            if secret::token_in(&path).is_none() {
                let hint = "a secret is a line of visible ASCII characters";
                self.problems.error(&file.place, "the file holds no secret that can be read", Some(hint));
            }
            files.push(path);
        }
        let (header, form, timestamp_header) = self.signature(signature)?;
        if let Some(window) = raw.window.as_ref().filter(|_| !signs_time(form, timestamp_header.as_ref())) {
            let hint = "name the field with its time: timestamp_header = \"…\"";
            self.problems.push(Problem::warning(&window.place, "this signature has no time", hint));
        }
        let kind = self.kind_from(raw, place);
        let fields = self.json_fields(raw.fields.as_ref());
        Some(Webhook {
            name: name.value.clone(),
            secrets: files,
            header,
            form,
            timestamp_header,
            window: self.timeout(raw.window.as_ref(), WINDOW),
            kind: kind?,
            fields,
        })
    }

    fn signature(
        &mut self,
        Placed { value: raw, place }: &Placed<RawSignature>,
    ) -> Option<(HeaderName, Form, Option<HeaderName>)> {
        let (Some(header), Some(form)) = (&raw.header, &raw.form) else {
            if !self.problems.has_errors_within(place) {
                let hint = "write { header = \"X-Hub-Signature-256\", form = \"sha256=hex\" }";
                self.problems.error(place, "a signature wants `header` and `form`", Some(hint));
            }
            return None;
        };
        let form = form.value.0;
        let timestamp_header = raw.timestamp_header.as_ref();
        match (form, timestamp_header) {
            (Form::Stripe | Form::Standard, Some(written)) => {
                self.problems.error(&written.place, "this form has its time elsewhere", Some("leave it out"));
            }
            (Form::Slack, None) => {
                let hint = "write timestamp_header = \"X-Slack-Request-Timestamp\"";
                self.problems.error(place, "this form wants the field with its time", Some(hint));
            }
            _ => {}
        }
        let timestamp_header = timestamp_header.and_then(|written| self.field_name(written));
        Some((self.field_name(header)?, form, timestamp_header))
    }

    fn field_name(&mut self, written: &Placed<String>) -> Option<HeaderName> {
        let name = written.value.parse().ok();
        if name.is_none() {
            self.problems.error(&written.place, format!("`{}` is no field name", written.value), None::<String>);
        }
        name
    }

    fn kind_from(&mut self, raw: &RawWebhook, place: &Place) -> Option<KindFrom> {
        match (&raw.r#type, &raw.type_header) {
            (Some(path), None) if path.value.starts_with('$') => self.json_path(path).map(KindFrom::Body),
            (Some(kind), None) if (1..=200).contains(&kind.value.chars().count()) => {
                Some(KindFrom::Always(kind.value.clone()))
            }
            (Some(kind), None) => {
                self.problems.error(&kind.place, "a type has 1 to 200 characters", Some(JSON_PATH));
                None
            }
            (None, Some(header)) => self.field_name(header).map(KindFrom::Header),
            _ => {
                let hint = "write type = \"$.type\", type = \"product.updated\", or type_header = \"X-Shopify-Topic\"";
                self.problems.error(
                    place,
                    "a webhook says by one of `type` and `type_header` what it tells",
                    Some(hint),
                );
                None
            }
        }
    }

    fn json_fields(&mut self, raw: Option<&Placed<FieldTable>>) -> Vec<(String, JsonPath)> {
        let mut fields = Vec::new();
        for (name, path) in raw.into_iter().flat_map(|raw| &raw.value.0) {
            if name.value == "type" {
                self.problems.error(&name.place, "the type is no field", Some("write it in `type`"));
            }
            fields.extend(self.json_path(path).map(|path| (name.value.clone(), path)));
        }
        fields
    }

    fn json_path(&mut self, written: &Placed<String>) -> Option<JsonPath> {
        JsonPath::parse(&written.value)
            .map_err(|error| {
                let message = format!("`{}` is not a JSONPath: {error}", written.value);
                self.problems.error(&written.place, message, Some(JSON_PATH));
            })
            .ok()
    }
}

fn signs_time(form: Form, timestamp_header: Option<&HeaderName>) -> bool {
    matches!(form, Form::Stripe | Form::Slack | Form::Standard) || timestamp_header.is_some()
}
