//! A table that fits its terminal: numbers to the right, columns dropped and the widest text cut where there is no room.

use std::io::{self, Write};

use anstyle::{Effects, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Width, presets::NOTHING};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// What the widest text keeps before other columns are dropped for it.
const ROOM_FOR_TEXT: u16 = 28;

/// No text is cut to less than this.
const LEAST_TEXT: u16 = 8;

/// Style of the names of the columns.
pub(crate) const HEADER: Style = Style::new().effects(Effects::BOLD);

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) header: String,
    /// Where its cells stand.
    pub(crate) align: Align,
    /// Whether it may go when there is no room; the highest number goes first.
    pub(crate) drop_order: Option<u8>,
    /// Width that it has even if its cells are narrower, so that tables printed one after another stand in line.
    pub(crate) min_width: u16,
    /// Width that it has at most on a terminal.
    pub(crate) max_width: u16,
    /// Whether it may be cut when there is no room.
    pub(crate) may_be_cut: bool,
    /// Whether a cell that is cut keeps its end: of a path that says more than its beginning.
    pub(crate) keeps_end: bool,
}

/// Where the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

impl Column {
    /// A column that always stays.
    pub(crate) fn new(header: impl Into<String>, align: Align) -> Self {
        // A number that is cut is another number.
        Self {
            header: header.into(),
            align,
            drop_order: None,
            min_width: 0,
            max_width: u16::MAX,
            may_be_cut: align == Align::Left,
            keeps_end: false,
        }
    }

    /// A column of paths.
    pub(crate) fn of_paths(header: impl Into<String>) -> Self {
        Self { keeps_end: true, ..Self::new(header, Align::Left) }
    }

    /// The same, at least so wide.
    #[must_use]
    pub(crate) fn at_least(self, min_width: u16) -> Self {
        Self { min_width, ..self }
    }
}

/// Rows of safe text: whoever adds a cell has escaped it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<(Vec<String>, Style)>,
    wraps: bool,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new(), wraps: false }
    }

    /// The same, with cells that have no room broken over several lines in place of cut. Rows have no styles then.
    #[must_use]
    pub(crate) fn wrapping(self) -> Self {
        Self { wraps: true, ..self }
    }

    /// Adds a row in a style; one cell per column.
    pub(crate) fn push(&mut self, cells: Vec<String>, style: Style) {
        self.rows.push((cells, style));
    }

    /// Prints the names of the columns and the rows. Without a width nothing is cut or dropped.
    pub(crate) fn write(&self, out: &mut dyn Write, width: Option<u16>) -> io::Result<()> {
        write_lines(out, self.lay_out(width).lines().zip(self.styles()))
    }

    /// Prints the rows alone, for a table whose header has been printed.
    pub(crate) fn write_rows(&self, out: &mut dyn Write, width: Option<u16>) -> io::Result<()> {
        write_lines(out, self.lay_out(width).lines().zip(self.styles()).skip(1))
    }

    /// Prints it a little to the right.
    pub(crate) fn write_indented(&self, out: &mut dyn Write, width: Option<u16>, indent: &str) -> io::Result<()> {
        let indent_width = u16::try_from(indent.len()).unwrap_or_default();
        let table = self.lay_out(width.map(|width| width.saturating_sub(indent_width)));
        write_lines(out, table.lines().map(|line| format!("{indent}{line}")).zip(self.styles()))
    }

    /// The style of each line: header, rows, and for a row of several lines none.
    fn styles(&self) -> impl Iterator<Item = Style> {
        let rows = self.rows.iter().map(|(_, style)| if self.wraps { Style::new() } else { *style });
        std::iter::once(HEADER).chain(rows).chain(std::iter::repeat(Style::new()))
    }

    fn lay_out(&self, available: Option<u16>) -> comfy_table::Table {
        let mut table = self.fill(available, &[]);
        let natural = table.column_max_content_widths();
        let widths = fit(&self.columns, &natural, available);
        let is_cut = |(natural, width): (&u16, &Option<u16>)| width.is_some_and(|width| width < *natural);
        let mut cut = natural.iter().zip(&widths).map(is_cut);
        if self.columns.iter().any(|column| cut.next() == Some(true) && column.keeps_end) {
            table = self.fill(available, &widths);
        }
        let last = self.columns.len().saturating_sub(1);
        for (index, (column, shown)) in self.columns.iter().zip(table.column_iter_mut()).enumerate() {
            let gap = u16::from(index != last);
            shown.set_padding((0, gap));
            shown.set_cell_alignment(match column.align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
            shown.set_constraint(match widths.get(index).copied().flatten() {
                Some(width) => ColumnConstraint::Absolute(Width::Fixed(width.saturating_add(gap))),
                None => ColumnConstraint::Hidden,
            });
        }
        table
    }

    /// The cells; of columns that keep their end, as much of it as these widths have room for.
    fn fill(&self, available: Option<u16>, widths: &[Option<u16>]) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).set_truncation_indicator("…");
        table.set_content_arrangement(ContentArrangement::Disabled);
        // A cell that is cut shall use all its room, so it is split anywhere, not only at spaces.
        table.set_delimiter(if self.wraps { ' ' } else { '\0' });
        let most = match available {
            // Enough to be cut; no time is lost on the rest of a long command.
            Some(available) if !self.wraps => usize::from(available) + 1,
            _ => usize::MAX,
        };
        let shown = |(index, cell): (usize, &str)| {
            let keeps_end = self.columns.get(index).is_some_and(|column| column.keeps_end);
            match widths.get(index).copied().flatten() {
                Some(width) if keeps_end => end_of(cell, width.into()),
                _ => cell.chars().take(most).collect(),
            }
        };
        let row = |cells: &mut dyn Iterator<Item = &str>| {
            let mut row = Row::from(cells.enumerate().map(shown).collect::<Vec<String>>());
            if !self.wraps {
                row.max_height(1);
            }
            row
        };
        table.set_header(row(&mut self.columns.iter().map(|column| column.header.as_str())));
        table.add_rows(self.rows.iter().map(|(cells, _)| row(&mut cells.iter().map(String::as_str))));
        table
    }
}

/// As much of the end of a text as has room.
fn end_of(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let tail = text.char_indices().rev().take_while(|(_, character)| {
        let width = character.width().unwrap_or_default();
        let fits = width <= room;
        room = room.saturating_sub(width);
        fits
    });
    let from = tail.last().map_or(text.len(), |(index, _)| index);
    format!("…{}", text.get(from..).unwrap_or_default())
}

/// The width of each column; `None` for those that are dropped.
fn fit(columns: &[Column], natural: &[u16], available: Option<u16>) -> Vec<Option<u16>> {
    let mut widths: Vec<Option<u16>> =
        columns.iter().zip(natural).map(|(column, width)| Some(column.min_width.max(*width))).collect();
    let Some(available) = available.map(usize::from) else { return widths };
    for (column, width) in columns.iter().zip(&mut widths) {
        *width = width.map(|width| width.min(column.max_width));
    }

    // Columns go until the widest text has some room.
    let widest = widest_text(columns, &widths);
    let room = |widths: &[Option<u16>]| -> usize {
        let capped = |(index, width): (usize, &Option<u16>)| {
            width.map(|width| 1 + if Some(index) == widest { width.min(ROOM_FOR_TEXT) } else { width })
        };
        widths.iter().enumerate().filter_map(capped).map(usize::from).sum::<usize>().saturating_sub(1)
    };
    let mut droppable: Vec<(u8, usize)> =
        columns.iter().enumerate().filter_map(|(index, column)| Some((column.drop_order?, index))).collect();
    droppable.sort_unstable();
    while room(&widths) > available
        && let Some((_, index)) = droppable.pop()
        && let Some(width) = widths.get_mut(index)
    {
        *width = None;
    }

    // Then the widest texts are cut.
    let total = |widths: &[Option<u16>]| widths.iter().flatten().map(|width| usize::from(*width) + 1).sum::<usize>();
    while total(&widths) > available + 1
        && let Some(widest) = widest_text(columns, &widths)
        && let Some(Some(width)) = widths.get_mut(widest)
        && *width > LEAST_TEXT
    {
        *width -= 1;
    }
    widths
}

/// The widest column of text, the last of equals.
fn widest_text(columns: &[Column], widths: &[Option<u16>]) -> Option<usize> {
    let texts = columns.iter().zip(widths).enumerate().filter(|(_, (column, _))| column.may_be_cut);
    texts.filter_map(|(index, (_, width))| Some(((*width)?, index))).max().map(|(_, index)| index)
}

fn write_lines(out: &mut dyn Write, lines: impl Iterator<Item = (String, Style)>) -> io::Result<()> {
    for (line, style) in lines {
        let line = line.trim_end();
        if style == Style::new() {
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{style}{line}{style:#}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(vec![
            Column::new("PID", Align::Right),
            Column::new("USER", Align::Left),
            Column { drop_order: Some(1), ..Column::new("TTY", Align::Left) },
            Column { drop_order: Some(2), ..Column::new("VIRT", Align::Right) },
            Column::new("COMMAND", Align::Left),
        ]);
        let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
        table.push(row(["1", "root", "-", "21M", "/sbin/init splash"]), Style::new());
        table.push(row(["4194304", "postgres", "pts/0", "1.2G", &"long command ".repeat(30)]), Style::new());
        table
    }

    fn lines(width: Option<u16>) -> Vec<String> {
        let mut out = Vec::new();
        sample().write(&mut out, width).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_wide_terminal_is_used_to_its_last_column() {
        for width in [80, 200] {
            let lines = lines(Some(width));
            assert_eq!(lines[0], "    PID USER     TTY   VIRT COMMAND");
            assert_eq!(lines[1], "      1 root     -      21M /sbin/init splash");
            assert_eq!(lines[2].chars().count(), usize::from(width));
            assert!(lines[2].ends_with('…'), "{}", lines[2]);
        }
    }

    #[test]
    fn columns_go_before_the_command_gets_too_short() {
        assert_eq!(lines(Some(51))[0], "    PID USER     TTY   COMMAND");
        assert_eq!(lines(Some(46))[0], "    PID USER     COMMAND");
        assert_eq!(lines(Some(46))[2], "4194304 postgres long command long command lo…");
    }

    #[test]
    fn a_tiny_terminal_cuts_text_and_no_number() {
        assert_eq!(lines(Some(10))[2], "4194304 postgres long co…");
    }

    #[test]
    fn nothing_is_cut_without_a_terminal() {
        let lines = lines(None);
        assert!(lines[2].ends_with("long command long command"), "{}", lines[2]);
        assert!(lines[0].contains("VIRT"));
    }

    #[test]
    fn a_wrapping_table_loses_nothing() {
        let mut table = Table::new(vec![Column::new("N", Align::Right), Column::new("DETAIL", Align::Left)]).wrapping();
        table.push(vec!["1".to_owned(), "designed, not served yet".to_owned()], HEADER);
        let mut out = Vec::new();
        table.write_rows(&mut out, Some(15)).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "1 designed, not\n  served yet\n");
    }

    #[test]
    fn a_column_may_have_a_greatest_width_on_a_terminal() {
        let mut table = Table::new(vec![Column { max_width: 4, ..Column::new("NAME", Align::Left) }]);
        table.push(vec!["long name".to_owned()], Style::new());
        for (width, wanted) in [(Some(80), "lon…\n"), (None, "long name\n")] {
            let mut out = Vec::new();
            table.write_rows(&mut out, width).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }

    #[test]
    fn a_path_that_is_cut_keeps_its_end() {
        let mut table = Table::new(vec![Column::new("N", Align::Right), Column::of_paths("PATH")]);
        for path in ["/usr/lib/python/lib-dynload/x.so", "/short", "/日本語日本語日本語/日本語"] {
            table.push(vec!["7".to_owned(), path.to_owned()], Style::new());
        }
        let print = |width| {
            let mut out = Vec::new();
            table.write_rows(&mut out, width).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(print(Some(18)), "7 …ib-dynload/x.so\n7 /short\n7 …語日本語/日本語\n");
        assert!(print(None).contains("7 /usr/lib/python/lib-dynload/x.so\n"));
    }

    #[test]
    fn wide_characters_count_as_two() {
        let mut table = Table::new(vec![Column::new("NAME", Align::Left), Column::new("N", Align::Right)]);
        table.push(vec!["日本語日本語日本語日本語".to_owned(), "1".to_owned()], Style::new());
        let mut out = Vec::new();
        table.write_rows(&mut out, Some(14)).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "日本語日本…  1\n");
    }

    #[test]
    fn rows_printed_later_stand_below_their_header() {
        let columns = vec![Column::new("CPU", Align::Right).at_least(6), Column::new("MEM", Align::Right).at_least(5)];
        let mut out = Vec::new();
        let mut table = Table::new(columns);
        table.push(vec!["1.5".to_owned(), "2".to_owned()], Style::new());
        table.write_rows(&mut out, Some(80)).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "   1.5     2\n");
    }
}
