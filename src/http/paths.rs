//! Where everything is served: below which prefix, and under which path browsers see it. Links on pages are relative; these
//! are for what cannot be.

use hyper::Uri;

/// Where the server is, inside and outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// Before every route, without a slash at its end; empty for none.
    prefix: String,
    /// The same as browsers see it, where a proxy stands between.
    external: String,
}

/// Why they cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PathsError {
    /// `--web.external-url`
    #[error(
        "--web.external-url: found `{}`, allowed: a URL such as https://mon.example.net/mx/ without query",
        .0.escape_debug()
    )]
    ExternalUrl(String),
    /// `--web.route-prefix`
    #[error(
        "--web.route-prefix: found `{}`, allowed: a path such as /mx of letters, digits, `-`, `.`, `_` and `~`",
        .0.escape_debug()
    )]
    RoutePrefix(String),
}

impl Paths {
    /// As the flags `--web.external-url` and `--web.route-prefix` say; without the second, the path of the first holds
    /// inside as well.
    ///
    /// # Errors
    /// When one of them is not what it should be.
    pub fn parse(external_url: Option<&str>, route_prefix: Option<&str>) -> Result<Self, PathsError> {
        let external = match external_url {
            Some(url) => external_path(url).ok_or_else(|| PathsError::ExternalUrl(url.to_owned()))?,
            None => None,
        };
        let prefix = match route_prefix {
            Some(prefix) => Some(path(prefix).ok_or_else(|| PathsError::RoutePrefix(prefix.to_owned()))?),
            None => None,
        };
        let prefix = prefix.or_else(|| external.clone()).unwrap_or_default();
        Ok(Self { external: external.unwrap_or_else(|| prefix.clone()), prefix })
    }

    /// A route inside.
    pub(super) fn route(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// Whether there is a prefix.
    pub(super) fn has_prefix(&self) -> bool {
        !self.prefix.is_empty()
    }

    /// The fleet's path as browsers see it; ends with a slash.
    pub(super) fn home(&self) -> String {
        format!("{}/", self.external)
    }
}

/// The path of an absolute URL over HTTP.
fn external_path(url: &str) -> Option<Option<String>> {
    let uri: Uri = url.parse().ok()?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_plain = uri.query().is_none() && !url.contains(['#', '@']);
    if is_http && is_plain && uri.host().is_some_and(|host| !host.is_empty()) {
        path(uri.path()).map(Some)
    } else {
        None
    }
}

/// A path with a slash at its beginning and none at its end.
fn path(text: &str) -> Option<String> {
    let path = text.trim_matches('/');
    if path.is_empty() {
        return Some(String::new());
    }
    let is_plain = |segment: &str| {
        let plain = segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
        plain && !matches!(segment, "" | "." | "..")
    };
    path.split('/').all(is_plain).then(|| format!("/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_lead_to_a_route_and_a_home() {
        for (url, prefix, route, home) in [
            (None, None, "/metrics", "/"),
            (Some("http://mon.example.net:9090"), None, "/metrics", "/"),
            (Some("https://mon.example.net/"), None, "/metrics", "/"),
            (Some("https://mon.example.net/mx"), None, "/mx/metrics", "/mx/"),
            (Some("https://[2001:db8::1]/a/b/"), None, "/a/b/metrics", "/a/b/"),
            (Some("https://mon.example.net/mx/"), Some("/"), "/metrics", "/mx/"),
            (Some("https://mon.example.net/mx/"), Some(""), "/metrics", "/mx/"),
            (Some("https://mon.example.net/mx/"), Some("inside"), "/inside/metrics", "/mx/"),
            (None, Some("/mx/"), "/mx/metrics", "/mx/"),
        ] {
            let paths = Paths::parse(url, prefix).unwrap();
            assert_eq!((&*paths.route("/metrics"), &*paths.home()), (route, home), "{url:?} {prefix:?}");
        }
    }

    #[test]
    fn what_could_be_no_path_is_refused_by_the_flag_s_name() {
        for url in [
            "",
            "/mx",
            "mon.example.net",
            "ftp://a/",
            "http://",
            "http://a/?q",
            "http://a/#b",
            "http://u@a/",
            "http://a/../b",
            "http://a/{b}",
            "http://a/%2e",
        ] {
            let error = Paths::parse(Some(url), None).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--web.external-url: found `{url}`")), "{error}");
        }
        for prefix in ["/a//b", "..", "/a/{b}", "/a b", "/a?b", "/\u{e4}", "a\r\nb", "*"] {
            let error = Paths::parse(None, Some(prefix)).unwrap_err().to_string();
            assert!(error.starts_with("--web.route-prefix: found `") && !error.contains('\n'), "{error}");
        }
    }
}
