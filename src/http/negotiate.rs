//! Which exposition format and which coding a request asks for (RFC 9110 §12.5).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The formats there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// The text format 0.0.4: what everybody reads.
    Text,
}

impl Format {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text",
            Self::Text => "text/plain",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::OpenMetrics => "1.0.0",
            Self::Text => "0.0.4",
        }
    }
}

/// OpenMetrics where it is asked for by name and nothing is liked better; 0.0.4 where nothing matches.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let values = values(headers, header::ACCEPT);
    let ranges = || values.iter().flat_map(|value| value.split(',')).filter_map(Range::parse);
    let weight = |format: Format| ranges().filter(|range| range.names(format)).map(|range| range.q).max();
    let any = ranges().filter(|range| matches!(range.name, "*/*" | "text/*")).map(|range| range.q).max();
    let text = weight(Format::Text).or(any).unwrap_or_default();
    match weight(Format::OpenMetrics) {
        Some(q) if q > 0 && q >= text => Format::OpenMetrics,
        _ => Format::Text,
    }
}

/// How an answer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// RFC 1952.
    Gzip,
    /// Not at all.
    Identity,
}

/// gzip where it is asked for by name and not liked less than nothing.
pub(super) fn coding(headers: &HeaderMap) -> Coding {
    let values = values(headers, header::ACCEPT_ENCODING);
    let codings = || values.iter().flat_map(|value| value.split(',')).filter_map(Range::parse);
    let weight = |names: &[&str]| {
        let named = codings().filter(|range| names.iter().any(|name| range.name.eq_ignore_ascii_case(name)));
        named.map(|range| range.q).max()
    };
    match weight(&["gzip", "x-gzip"]) {
        Some(q) if q > 0 && q >= weight(&["identity"]).unwrap_or_default() => Coding::Gzip,
        _ => Coding::Identity,
    }
}

fn values(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
    headers.get_all(name).iter().map(HeaderValue::to_str).filter_map(Result::ok).collect()
}

/// One media range, or one coding.
struct Range<'a> {
    name: &'a str,
    version: Option<&'a str>,
    /// Thousandths.
    q: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let mut range = Self { name: parts.next()?, version: None, q: 1_000 };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name {
                "version" => range.version = Some(value.trim_matches('"')),
                "q" => range.q = thousandths(value)?,
                _ => {}
            }
        }
        Some(range)
    }

    fn names(&self, format: Format) -> bool {
        self.name.eq_ignore_ascii_case(format.media_type())
            && self.version.is_none_or(|version| version == format.version())
    }
}

fn thousandths(weight: &str) -> Option<u16> {
    let weight: f32 = weight.parse().ok()?;
    (0.0..=1.0).contains(&weight).then_some((weight * 1_000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(accept: &[&'static str]) -> Format {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        format(&headers)
    }

    #[test]
    fn gzip_is_for_those_who_ask_for_it() {
        use Coding::{Gzip, Identity};
        for (accept, want) in [
            (None, Identity),
            (Some(""), Identity),
            (Some("gzip"), Gzip),
            (Some("GZIP;q=0.1"), Gzip),
            (Some("x-gzip"), Gzip),
            (Some("deflate, gzip;q=1.0, *;q=0.5"), Gzip),
            (Some("gzip;q=0"), Identity),
            (Some("gzip;q=0.5, identity"), Identity),
            (Some("gzip;q=1, identity;q=0.5"), Gzip),
            (Some("*"), Identity),
            (Some("deflate, br, zstd"), Identity),
            (Some("gzip;q=nonsense"), Identity),
            (Some("gzipped"), Identity),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(accept.map(|accept| (header::ACCEPT_ENCODING, HeaderValue::from_static(accept))));
            assert_eq!(coding(&headers), want, "{accept:?}");
        }
    }

    #[test]
    fn scrapers_get_what_they_like_best() {
        use Format::{OpenMetrics, Text};
        for (accept, want) in [
            (&[][..], Text),
            (&["*/*"], Text),
            (&["text/html,application/xhtml+xml,*/*;q=0.8"], Text),
            (&["application/openmetrics-text"], OpenMetrics),
            (&["application/openmetrics-text; version=1.0.0; charset=utf-8"], OpenMetrics),
            (&["Application/OpenMetrics-Text;version=\"1.0.0\""], OpenMetrics),
            (&["application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.5"], Text),
            (
                &[
                    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                ],
                OpenMetrics,
            ),
            (
                &[
                    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,/;q=0.1",
                ],
                OpenMetrics,
            ),
            (&["text/plain;version=0.0.4", "application/openmetrics-text;q=0.9"], Text),
            (&["text/plain;q=0.9", "application/openmetrics-text;version=1.0.0"], OpenMetrics),
            (&["application/openmetrics-text;q=0"], Text),
            (&["application/openmetrics-text;q=2, ;;;=,q=;"], Text),
            (&["application/openmetrics-text;q=NaN"], Text),
            (&["application/vnd.google.protobuf"], Text),
        ] {
            assert_eq!(asked(accept), want, "{accept:?}");
        }
    }
}
