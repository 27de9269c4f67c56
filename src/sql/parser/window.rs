//! Windows: OVER, WINDOW and frames.

use super::Parser;
use crate::ast::{
    FrameBound, FrameUnits, NamedWindow, WindowFrame, WindowReference, WindowSpecification,
};
use base::Result;

impl Parser<'_> {
    /// What follows OVER.
    pub(super) fn window_reference(&mut self) -> Result<WindowReference> {
        if self.is(0, "(") {
            let window = self.nested(1, Parser::window_specification)?;
            return Ok(WindowReference::Specification(Box::new(window)));
        }
        self.identifier().map(WindowReference::Name)
    }

    /// `name AS ( ... )`
    pub(super) fn named_window(&mut self) -> Result<NamedWindow> {
        let name = self.identifier()?;
        self.expect("AS")?;
        Ok(NamedWindow { name, window: self.window_specification()? })
    }

    fn window_specification(&mut self) -> Result<WindowSpecification> {
        let mut window = WindowSpecification::default();
        self.expect("(")?;
        let keyword = (self.is_one_of(0, &["PARTITION", "ORDER"]) && self.is_word(1, "BY"))
            || self.is_frame();
        if self.is_name(0) && !keyword {
            window.base = Some(self.identifier()?);
        }
        if self.eat("PARTITION BY") {
            window.partition_by = self.comma_list(Parser::aliased_expression)?;
        }
        if self.eat("ORDER BY") {
            window.order_by = self.comma_list(Parser::order_by_item)?;
        }
        if self.is_frame() {
            window.frame = Some(self.frame()?);
        } else {
            self.expect_also("ROWS");
            self.expect_also("RANGE");
        }
        self.expect(")")?;
        Ok(window)
    }

    fn is_frame(&self) -> bool {
        self.is_one_of(0, &["ROWS", "RANGE", "GROUPS"]) && !self.is(1, ")")
    }

    fn frame(&mut self) -> Result<WindowFrame> {
        let units = if self.eat("ROWS") {
            FrameUnits::Rows
        } else if self.eat("RANGE") {
            FrameUnits::Range
        } else {
            self.expect("GROUPS")?;
            FrameUnits::Groups
        };
        if self.eat("BETWEEN") {
            let start = self.frame_bound()?;
            self.expect("AND")?;
            return Ok(WindowFrame { units, start, end: self.frame_bound()? });
        }
        Ok(WindowFrame { units, start: self.frame_bound()?, end: FrameBound::CurrentRow })
    }

    fn frame_bound(&mut self) -> Result<FrameBound> {
        if self.eat("CURRENT ROW") {
            return Ok(FrameBound::CurrentRow);
        }
        if self.eat("UNBOUNDED PRECEDING") {
            return Ok(FrameBound::UnboundedPreceding);
        }
        if self.eat("UNBOUNDED FOLLOWING") {
            return Ok(FrameBound::UnboundedFollowing);
        }
        let distance = Box::new(self.expression()?);
        if self.eat("PRECEDING") {
            return Ok(FrameBound::Preceding(distance));
        }
        self.expect("FOLLOWING")?;
        Ok(FrameBound::Following(distance))
    }
}
