//! TXT records that are `name=value` pairs with semicolons between, behind a version (RFC 8461 §3.1, RFC 8460 §3).

/// The pairs behind the version, in order.
pub(super) type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// Whether a record is one of this version: only such ones count.
pub(super) fn is_of(record: &[u8], version: &str) -> bool {
    let rest = record.strip_prefix(version.as_bytes());
    rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b";"))
}

/// Whether somebody meant it to be one of this version: in another case, without a semicolon, of a later version.
pub(super) fn looks_like(record: &[u8], version: &str) -> bool {
    let stem = version.trim_end_matches(|c: char| c.is_ascii_digit());
    let head = record.trim_ascii_start().get(..stem.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(stem.as_bytes()))
}

/// The pairs of a record of this version.
///
/// # Errors
/// What is wrong with its form.
pub(super) fn pairs<'a>(record: &'a [u8], version: &str) -> Result<Pairs<'a>, &'static str> {
    let printable = |octet: &u8| matches!(octet, b' '..=b'~' | b'\t');
    let text = str::from_utf8(record).ok().filter(|text| text.as_bytes().iter().all(printable));
    let Some(text) = text else { return Err("it has characters that are not printable ASCII") };
    let rest = text.strip_prefix(version).unwrap_or(text);
    let mut parts: Vec<&str> = rest.split(';').map(|part| part.trim_matches([' ', '\t'])).collect();
    parts.remove(0); // before the first semicolon
    if parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    parts.into_iter().map(pair).collect()
}

fn pair(part: &str) -> Result<(&str, &str), &'static str> {
    let (name, value) = part.split_once('=').ok_or("a field has no `=`")?;
    let is_named = (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !is_named {
        return Err("a field has no proper name");
    }
    Ok((name, value))
}
