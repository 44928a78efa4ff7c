//! How calls go over the network: one pool of connections for all clients of the process, with
//! rustls and ring.

use aws_smithy_http_client::{
    Builder, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// Returns what the SDK would make by itself, with `HTTPS_PROXY` and `NO_PROXY` honoured, but for
/// the crypto provider: AWS-LC adds 0.7 MB and, where its jitter entropy is not turned off, thirty
/// milliseconds to every cold start.
pub(super) fn client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector =
            ConnectorBuilder::default().tls_provider(Provider::rustls(CryptoMode::Ring));
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}
