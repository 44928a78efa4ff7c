//! Whom calls trust: the certificates of the system.
//!
//! The SDK reads all of them twice: the file that holds all, and then one file for each.

use std::{env, ffi::OsString, fs, path::Path, sync::LazyLock};

use aws_smithy_http_client::tls::TrustStore;
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Files that hold all certificates of a system: Amazon Linux, Fedora and Red Hat; Debian, Ubuntu and
/// Alpine; SUSE; BSD.
const BUNDLES: [&str; 4] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Variables by which a person names other certificates.
const OTHERS: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Certificates in PEM, read once; `None` if the SDK finds them itself.
static CERTIFICATES: LazyLock<Option<String>> =
    LazyLock::new(|| certificates(|name| env::var_os(name), &BUNDLES));

/// Returns whom to trust.
pub(super) fn store() -> TrustStore {
    match &*CERTIFICATES {
        None => TrustStore::default(),
        Some(pem) => TrustStore::empty().with_pem_certificate(pem.as_bytes()),
    }
}

/// Returns the certificates of the first bundle that has some.
fn certificates(variable: impl Fn(&str) -> Option<OsString>, bundles: &[&str]) -> Option<String> {
    if OTHERS.into_iter().any(|name| variable(name).is_some()) {
        return None;
    }
    let bundles = bundles.iter().map(|path| read(Path::new(path)));
    bundles.into_iter().find(|found| !found.is_empty())
}

/// Returns the certificates of a file, without those that could not be used, for which the SDK would
/// panic.
fn read(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let certificates = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
    let usable = |it: &CertificateDer<'_>| RootCertStore::empty().add(it.clone()).is_ok();
    let lines = certificates.filter(usable).map(|certificate| {
        let text = BASE64_STANDARD.encode(&certificate);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const BUNDLE: &str = include_str!("trust/example.pem");

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn count(found: Option<String>) -> Option<usize> {
        found.map(|pem| pem.matches("BEGIN CERTIFICATE").count())
    }

    #[test]
    fn the_first_bundle_with_certificates_counts_unless_a_person_names_others() {
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let (empty, good) = (file(""), file(&format!("{damaged}{BUNDLE}")));
        let [empty, good] = [&empty, &good].map(|it| it.path().to_str().unwrap());
        let found = |set: &[(&str, &str)], bundles: &[&str]| {
            let value = |name: &str| set.iter().find(|it| it.0 == name);
            count(certificates(
                |name| value(name).map(|it| it.1.into()),
                bundles,
            ))
        };
        assert_eq!(found(&[], &["/none", empty, good]), Some(1));
        // The SDK finds these itself, and whatever else a system has.
        assert_eq!(found(&[], &["/none"]), None);
        assert_eq!(found(&[("SSL_CERT_FILE", good)], &[good]), None);
        assert_eq!(found(&[("SSL_CERT_DIR", "/none")], &[good]), None);
    }
}
