//! Certificates: an authority of the cluster's own, and what it issued to the server.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a server needs to be trusted by those who know its authority; all in PEM.
pub struct Certificates {
    /// The authority.
    pub authority: String,
    /// The server's certificate.
    pub certificate: String,
    /// The server's private key, of an elliptic curve, in PKCS #8.
    pub key: String,
}

impl Certificates {
    /// New ones for these host names and addresses.
    ///
    /// # Panics
    /// If one of the names is none.
    #[expect(
        clippy::expect_used,
        reason = "a test cannot go on without its certificates"
    )]
    #[must_use]
    pub fn new(names: &[&str]) -> Self {
        let authority_key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = parameters
            .self_signed(&authority_key)
            .expect("an authority")
            .pem();
        let issuer = Issuer::new(parameters, authority_key);

        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let parameters = CertificateParams::new(names).expect("names");
        let certificate = parameters
            .signed_by(&key, &issuer)
            .expect("a certificate")
            .pem();
        Self {
            authority,
            certificate,
            key: key.serialize_pem(),
        }
    }

    /// Returns what makes secured connections of a server's plain ones.
    ///
    /// # Panics
    /// If the fields were changed to what is no certificate and key.
    #[expect(
        clippy::expect_used,
        reason = "a test cannot go on without its certificates"
    )]
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        let certificate =
            CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a key that fits");
        TlsAcceptor::from(Arc::new(config))
    }
}
