//! `--except user=root`: what an option of the same name would choose is left out.

use std::str::FromStr;

use clap::Parser;

use super::SelectorArgs;

/// One option with its value, parsed by the same rules.
#[derive(Clone, Debug)]
pub(super) struct Exception(pub(super) SelectorArgs);

#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct OneOption {
    #[command(flatten)]
    selectors: SelectorArgs,
}

impl FromStr for Exception {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.split('=').next().unwrap_or_default();
        let is_name = |character: char| character.is_ascii_lowercase() || character == '-';
        if name.is_empty() || name.starts_with('-') || name == "except" || !name.chars().all(is_name) {
            return Err("write the name of a selecting option and its value: user=root".to_owned());
        }
        match OneOption::try_parse_from([format!("--{text}")]) {
            Ok(one) => Ok(Self(one.selectors)),
            Err(error) => {
                let text = error.to_string();
                let first = text.lines().next().unwrap_or_default();
                Err(first.strip_prefix("error: ").unwrap_or(first).to_owned())
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn every_selecting_option_can_be_turned_round() {
        for text in ["user=root,1000", "name=a=b", "min-rss=1M", "kernel-threads", "pid=1,2", "match=^k"] {
            text.parse::<Exception>().unwrap();
        }
        assert_eq!("name=a=b".parse::<Exception>().unwrap().0.name, ["a=b"]);
    }

    #[test]
    fn what_is_none_is_refused_in_one_line() {
        for wrong in ["", "=", "user", "--user=x", "except=user=x", "state=Q", "nonsense=1", "help", "user =x"] {
            let error = wrong.parse::<Exception>().unwrap_err();
            assert!(!error.is_empty() && !error.contains('\n'), "{wrong}: {error}");
        }
    }
}
