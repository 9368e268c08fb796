//! Every call of the admin API, in one list that router, guard and the `OpenAPI` document share.

use crate::config::May;

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Dashboard,
    Asset,
    Live,
    LogIn,
    LogOut,
    Purge,
    Events,
    Webhook,
    Receipts,
    Receipt,
    Warm,
    Learn,
    Learned,
    Jobs,
    Job,
    CancelJob,
    Explain,
    Requests,
    Top,
    Searches,
    Rules,
    RulesCheck,
    BeginShadow,
    Shadow,
    EndShadow,
    Reload,
    Routes,
    Switch,
    Audit,
    Consistency,
    Upstreams,
    Drain,
    Stats,
    Healthz,
    Readyz,
    Metrics,
    OpenApi,
}

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Anyone, by any name: a load balancer has no token.
    Open,
    /// Anyone who calls this listener by a name of its own: who logs in has no session yet, and sees the page for it.
    LogIn,
    /// Anyone, by any name, whose signature of the body is right: the call judges it.
    Signed,
    /// Who has the token or has logged in with it, where one is set.
    Token,
}

/// What a call does, and so what it must show to come from no foreign page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It changes nothing and takes no body.
    Reads,
    /// It changes nothing and takes a rules file.
    Judges,
    /// It changes something; its body, if any, is JSON.
    Changes,
    /// It changes something, and its signature says who wants that.
    Tells,
    /// It opens or ends a session and takes a form.
    LogsIn,
}

impl Call {
    pub(super) const ALL: [Self; 37] = [
        Self::Dashboard,
        Self::Asset,
        Self::Live,
        Self::LogIn,
        Self::LogOut,
        Self::Purge,
        Self::Events,
        Self::Webhook,
        Self::Receipts,
        Self::Receipt,
        Self::Warm,
        Self::Learn,
        Self::Learned,
        Self::Jobs,
        Self::Job,
        Self::CancelJob,
        Self::Explain,
        Self::Requests,
        Self::Top,
        Self::Searches,
        Self::Rules,
        Self::RulesCheck,
        Self::BeginShadow,
        Self::Shadow,
        Self::EndShadow,
        Self::Reload,
        Self::Routes,
        Self::Switch,
        Self::Audit,
        Self::Consistency,
        Self::Upstreams,
        Self::Drain,
        Self::Stats,
        Self::Healthz,
        Self::Readyz,
        Self::Metrics,
        Self::OpenApi,
    ];

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Dashboard => "/",
            Self::Asset => "/assets/{file}",
            Self::Live => "/live",
            Self::LogIn => "/login",
            Self::LogOut => "/logout",
            Self::Purge => "/purge",
            Self::Events => "/events",
            Self::Webhook => "/events/{source}",
            Self::Receipts => "/purges",
            Self::Receipt => "/purges/{id}",
            Self::Warm => "/warm",
            Self::Learn => "/learn",
            Self::Learned => "/learned",
            Self::Jobs => "/jobs",
            Self::Job | Self::CancelJob => "/jobs/{id}",
            Self::Explain => "/explain",
            Self::Requests => "/requests",
            Self::Top => "/top",
            Self::Searches => "/searches",
            Self::Rules => "/rules",
            Self::RulesCheck => "/rules/check",
            Self::BeginShadow | Self::Shadow | Self::EndShadow => "/rules/shadow",
            Self::Reload => "/reload",
            Self::Routes => "/routes",
            Self::Switch => "/routes/{name}/switch",
            Self::Audit => "/audit",
            Self::Consistency => "/consistency",
            Self::Upstreams => "/upstreams",
            Self::Drain => "/upstreams/{pool}/{server}/drain",
            Self::Stats => "/stats",
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
        }
    }

    pub(super) const fn access(self) -> Access {
        match self {
            Self::Healthz | Self::Readyz => Access::Open,
            Self::Webhook => Access::Signed,
            Self::Asset | Self::LogIn | Self::LogOut => Access::LogIn,
            _ => Access::Token,
        }
    }

    /// The scope that a token needs for it.
    pub(super) const fn kind(self) -> May {
        match self {
            Self::Purge => May::Purge,
            Self::Events => May::Events,
            Self::Warm | Self::CancelJob => May::Warm,
            Self::Reload | Self::Learn | Self::BeginShadow | Self::EndShadow => May::Rules,
            Self::Switch => May::Switch,
            Self::Drain => May::Upstreams,
            _ => match self.effect() {
                Effect::Changes => May::All,
                Effect::Reads | Effect::Judges | Effect::Tells | Effect::LogsIn => May::Read,
            },
        }
    }

    pub(super) const fn effect(self) -> Effect {
        match self {
            Self::Purge
            | Self::Events
            | Self::Warm
            | Self::Learn
            | Self::CancelJob
            | Self::EndShadow
            | Self::Reload
            | Self::Switch
            | Self::Drain => Effect::Changes,
            Self::RulesCheck | Self::BeginShadow => Effect::Judges,
            Self::Webhook => Effect::Tells,
            Self::LogIn | Self::LogOut => Effect::LogsIn,
            _ => Effect::Reads,
        }
    }
}
