//! `[[events.webhook]]`, raw. The documentation of each key is its description in the JSON Schema.

use super::table::raw_table;
use super::values::{DurationText, FieldTable, Texts, words};
use crate::events::webhook::Form;

raw_table! {
    /// Signed webhooks, taken at `/events/{name}` of the admin API: the signature stands in place of the admin token.
    struct RawWebhook {
        /// The last part of the path: a-z, 0-9, `-` and `_`.
        #[schemars(required)]
        name: String,
        /// The files that hold the secrets, one each, read again for each call. Several: whoever knows one of them is believed,
        /// so that secrets can be changed.
        #[schemars(required)]
        secrets: Texts,
        /// Where the signature stands and how it is written.
        #[schemars(required)]
        signature: RawSignature,
        /// How far the time that was signed may be from now. Default: "5m".
        window: DurationText,
        /// The type of the event: a JSONPath into the body ("$.type"), or the type itself.
        r#type: String,
        /// The field whose value is the type, in place of `type`: "X-Shopify-Topic".
        type_header: String,
        /// The fields of the event, each by a JSONPath into the body: { id = "$.data.object.id" }.
        fields: FieldTable,
    }
}

raw_table! {
    /// Where a signature stands and how it is written. It is HMAC-SHA256 in each case.
    struct RawSignature {
        /// The field: "X-Hub-Signature-256", "Stripe-Signature".
        #[schemars(required)]
        header: String,
        /// "hex", "sha256=hex" and "base64": of the body. "stripe": `t=SECONDS,v1=HEX`. "slack": `v0=HEX`, with `timestamp_header`.
        /// "standard": Standard Webhooks, with the fields webhook-id and webhook-timestamp.
        #[schemars(required)]
        form: FormWord,
        /// The field with the time of the signature in seconds. With "hex", "sha256=hex" and "base64" `SECONDS.BODY` is signed then.
        timestamp_header: String,
    }
}

words! {
    /// `signature.form`
    enum FormWord => Form {
        hex = Form::Hex,
        sha256_hex as "sha256=hex" = Form::Sha256Hex,
        base64 = Form::Base64,
        stripe = Form::Stripe,
        slack = Form::Slack,
        standard = Form::Standard,
    }
}
