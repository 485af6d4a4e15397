//! The address of an agent as people write it.

use std::fmt;

use http::Uri;
use rustls_pki_types::ServerName;

use super::ConfigError;

/// The port that agents listen on unless told otherwise.
const DEFAULT_PORT: u16 = 7443;

/// Where an agent listens: always TLS, always with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// A name or an IP address, without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    /// Takes `https://host:port`, and also `host:port` and `host`.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let invalid = |detail| ConfigError::Endpoint { text: text.to_owned(), detail };
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            Some(_) => return Err(invalid("agents are reached by https only")),
            None => text,
        };
        let uri: Uri = format!("https://{rest}").parse().map_err(|_| invalid("write it as https://host:port"))?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(invalid("it must not have a path or a query"));
        }
        let authority = uri.authority().ok_or_else(|| invalid("the host is missing"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("it must not have a user: identity comes from the client certificate"));
        }
        // `Authority::port` is absent for one that is out of range, too.
        let port = match authority.as_str().strip_prefix(authority.host()).and_then(|rest| rest.strip_prefix(':')) {
            None => DEFAULT_PORT,
            Some(port) => port.parse().map_err(|_| invalid("the port is not one of 1 to 65535"))?,
        };
        if port == 0 {
            return Err(invalid("the port is not one of 1 to 65535"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(invalid("the host is missing"));
        }
        Ok(Self { host, port })
    }

    /// What HTTP/2 calls scheme and authority.
    pub(crate) fn origin(&self) -> Result<Uri, ConfigError> {
        self.to_string()
            .parse()
            .map_err(|_| ConfigError::Endpoint { text: self.to_string(), detail: "it is no authority" })
    }

    /// The name that the agent's certificate must carry.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, ConfigError> {
        ServerName::try_from(self.host.clone()).map_err(|_| ConfigError::ServerName { text: self.host.clone() })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(formatter, "https://[{host}]:{port}")
        } else {
            write!(formatter, "https://{host}:{port}")
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::Endpoint;

    #[test]
    fn endpoints_are_written_in_several_ways() {
        for (text, expected) in [
            ("https://db1.example:7444", "https://db1.example:7444"),
            ("https://db1.example/", "https://db1.example:7443"),
            ("db1.example:1", "https://db1.example:1"),
            ("db1", "https://db1:7443"),
            ("HTTPS://db1", "https://db1:7443"),
            ("10.0.0.1:9", "https://10.0.0.1:9"),
            ("https://[::1]:9", "https://[::1]:9"),
            ("[::1]", "https://[::1]:7443"),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.to_string(), expected, "{text}");
            assert_eq!(endpoint.origin().unwrap().to_string(), format!("{expected}/"), "{text}");
            endpoint.server_name().unwrap();
        }
        assert_eq!(Endpoint::parse("[::1]").unwrap().host, "::1");
    }

    #[test]
    fn what_is_no_endpoint_is_named_with_its_fault() {
        for (text, fault) in [
            ("", "https://host:port"),
            ("http://db1", "https only"),
            ("unix:///run/x", "https only"),
            ("https://db1/path", "path"),
            ("https://db1?x=1", "path or a query"),
            ("https://me@db1", "user"),
            ("https://db1:0", "port"),
            ("https://db1:99999", "port"),
            ("https://db1:", "port"),
            ("https://:7443", "host"),
        ] {
            let error = Endpoint::parse(text).map_err(|error| error.to_string()).expect_err(text);
            assert!(error.contains(fault), "{text:?} gave {error:?}");
        }
    }
}
