//! Certificate authorities and what they issue.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use rustls::ClientConfig;
use splitvault_values::grpc::tls::client_config;

pub(crate) const OPERATOR: &str = "spiffe://splitvault/operator";
pub(crate) const STORE: &str = "splitvault-store";

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both PEM.
pub(crate) struct Pair {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn issue(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    pub(crate) fn store(&self) -> Pair {
        let mut params = CertificateParams::new([STORE.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(&params)
    }

    pub(crate) fn operator(&self) -> Pair {
        self.issue(&client(&[OPERATOR]))
    }

    pub(crate) fn expired_operator(&self) -> Pair {
        let mut params = client(&[OPERATOR]);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 2);
        self.issue(&params)
    }

    /// Trusts this authority and shows that pair.
    pub(crate) fn config(&self, pair: &Pair) -> Arc<ClientConfig> {
        client_config(self.pem().as_bytes(), pair.chain.as_bytes(), pair.key.as_bytes()).unwrap()
    }

    pub(crate) fn operator_config(&self) -> Arc<ClientConfig> {
        self.config(&self.operator())
    }

    /// What the store's mounted Secret holds.
    pub(crate) fn write(&self, directory: &Path) {
        let Pair { chain, key } = self.store();
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("ca.crt"), self.pem()).unwrap();
        fs::write(directory.join("tls.crt"), chain).unwrap();
        fs::write(directory.join("tls.key"), key).unwrap();
    }
}

/// A client certificate with these URI names.
pub(crate) fn client(uris: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = uris
        .iter()
        .map(|uri| SanType::URI((*uri).try_into().unwrap()))
        .collect();
    params
}
