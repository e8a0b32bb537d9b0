//! Completions and the manual page, both from the flags themselves.

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use std::io;

/// The completions for a shell, as it wants to read them.
pub fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "mx-exporter", &mut script);
    // Bash alone: its generator spells a name with a hyphen in two ways (clap-rs/clap#6421).
    text(script).replace("mx__subcmd__exporter", "mx__exporter")
}

/// The manual page in roff: the daemon, then a section for each subcommand.
///
/// # Errors
/// Writing to memory does not fail.
pub fn manual() -> io::Result<String> {
    let mut command = super::command();
    command.build();
    let (mut head, man) = (Vec::new(), Man::new(command.clone()));
    man.render_title(&mut head)?;
    man.render_name_section(&mut head)?;
    let mut page = text(head) + &chapter(&command)?;
    for subcommand in command.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = subcommand.get_name().to_uppercase();
        page += &format!(".SH {name}\n{}", chapter(subcommand)?.replace("\n.SH ", "\n.SS "));
    }
    Ok(page)
}

/// What there is to say of one command.
fn chapter(command: &Command) -> io::Result<String> {
    let (mut chapter, man) = (Vec::new(), Man::new(command.clone()));
    man.render_synopsis_section(&mut chapter)?;
    man.render_description_section(&mut chapter)?;
    man.render_options_section(&mut chapter)?;
    if command.get_after_help().is_some() {
        man.render_extra_section(&mut chapter)?;
    }
    Ok(text(chapter).replace("\n.SH EXTRA\n", "\n.SH NOTES\n"))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    /// The long flags of a command and of those below it.
    fn flags(command: &Command) -> Vec<String> {
        let own = command.get_arguments().filter_map(|flag| flag.get_long()).map(str::to_owned);
        own.chain(command.get_subcommands().flat_map(flags)).collect()
    }

    #[test]
    fn the_manual_page_tells_every_flag() {
        let page = manual().unwrap();
        let flags = flags(&super::super::command());
        assert!(flags.len() > 20, "{flags:?}");
        for flag in flags {
            let flag = format!("--{flag}").replace('-', "\\-");
            assert!(page.contains(&flag), "{flag} is missing in {page}");
        }
        for section in
            [".TH mx-exporter 1", ".SH NAME", ".SH OPTIONS", ".SH NOTES", ".SH CHECK", ".SS PROBING"]
        {
            assert!(page.contains(section), "{section} is missing in {page}");
        }
    }

    #[test]
    fn every_shell_completes_every_flag() {
        for shell in Shell::value_variants() {
            let script = completions(*shell);
            for word in flags(&super::super::command()).iter().map(String::as_str).chain(["check", "man"]) {
                assert!(script.contains(word), "{shell}: {word} is missing in {script}");
            }
        }
    }
}
