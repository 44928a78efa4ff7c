//! How calls go over the network: one pool of connections for all clients of the process, with
//! rustls and ring.

use std::{fmt, sync::OnceLock};

use aws_smithy_http_client::{
    Builder, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
    runtime_components::RuntimeComponents,
};

use super::trust;

/// Returns what the SDK would make by itself, with `HTTPS_PROXY` and `NO_PROXY` honoured, but for
/// the crypto provider: AWS-LC adds 0.7 MB and, where its jitter entropy is not turned off, thirty
/// milliseconds to every cold start. All clients that have it share its connections.
pub(super) fn client() -> SharedHttpClient {
    SharedHttpClient::new(Lazy(OnceLock::new()))
}

/// A client that is made for the first call. Else each client of a service would parse all
/// certificates when it is made, needed or not.
struct Lazy(OnceLock<SharedHttpClient>);

impl HttpClient for Lazy {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let client = self.0.get_or_init(connecting);
        client.http_connector(settings, components)
    }
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lazy")
    }
}

fn connecting() -> SharedHttpClient {
    let context = TlsContext::builder().with_trust_store(trust::store());
    let context = context.build().unwrap_or_default();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default()
            .tls_provider(Provider::rustls(CryptoMode::Ring))
            .tls_context(context.clone());
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}
