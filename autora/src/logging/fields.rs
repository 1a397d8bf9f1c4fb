//! The fields of a line of text: a value that is not one word is in quotes, so that it can be told where it ends.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::{RecordFields, VisitOutput},
    fmt::{
        FormatFields,
        format::{DefaultVisitor, Writer},
    },
};

/// Writes `name=value` for each field, and the message as it is.
#[derive(Debug)]
pub(super) struct QuotedFields;

impl<'w> FormatFields<'w> for QuotedFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut quoting = Quoting(DefaultVisitor::new(writer, true));
        fields.record(&mut quoting);
        quoting.0.finish()
    }
}

/// Hands on each value with its quotes: the wrapped visitor writes what `Debug` gives.
struct Quoting<'w>(DefaultVisitor<'w>);

impl Visit for Quoting<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" || is_one_word(value) {
            self.0.record_debug(field, &format_args!("{value}"));
        } else {
            self.0.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

fn is_one_word(value: &str) -> bool {
    !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"')
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use tracing::{field::display, info, subscriber::with_default};
    use tracing_subscriber::{Registry, layer::SubscriberExt};

    use super::*;

    #[test]
    fn a_value_is_in_quotes_where_it_is_not_one_word() {
        let (mut reader, writer) = io::pipe().unwrap();
        let layer = tracing_subscriber::fmt::layer().fmt_fields(QuotedFields).with_ansi(false).without_time();
        let layer = layer.with_target(false).with_writer(move || writer.try_clone().unwrap());
        let present = Some(display("up to 167 s"));
        with_default(Registry::default().with(layer), || {
            info!(
                number = 7,
                flag = true,
                name = %r"vm\xff",
                text = "serving",
                texts = "it is down",
                shown = %"a b",
                absent = None::<&str>,
                present,
                debug = ?Some(5),
                list = ?[1, 2],
                empty = "",
                quote = %"a\"b",
                end = %"a\n\u{1b}[2J",
                "the \"message\" is {}",
                "as it is"
            );
        });
        let mut line = String::new();
        reader.read_to_string(&mut line).unwrap();
        let expected = concat!(
            r#" INFO the "message" is as it is number=7 flag=true name=vm\xff text=serving texts="it is down" "#,
            r#"shown="a b" present="up to 167 s" debug=Some(5) list="[1, 2]" empty="" quote="a\"b" end="a\n\u{1b}[2J""#,
            "\n"
        );
        assert_eq!(line, expected);
    }
}
