//! Phrases: terms at distances from one another.

use std::mem::take;

use base::Result;

use super::accept::Accept;
use super::cursor::{FieldScores, TermCursor};
use super::node::Node;

/// How often a phrase stands in a row: once for each place where its terms stand as wanted, less
/// where they had to be moved.
///
/// `places` holds for each term its positions in the row, ascending; `terms` for each term its
/// distance from the first and a number that equal terms share. Terms are moved by the width of
/// their distances (position less wanted distance); a match is a narrowest such place.
pub(crate) fn frequency(places: &[Vec<u32>], terms: &[(u32, usize)], slop: u32) -> f32 {
    let mut frequency = 0.0;
    matches(places, terms, slop, |_, width| frequency += 1.0 / (1.0 + width as f32));
    frequency
}

/// Calls `each` with the indexes of the positions of every match, and its width.
pub(crate) fn matches(
    places: &[Vec<u32>],
    terms: &[(u32, usize)],
    slop: u32,
    mut each: impl FnMut(&[usize], i64),
) {
    if places.is_empty() || places.iter().any(Vec::is_empty) {
        return;
    }
    let moved = |term: usize, at: usize| {
        places[term].get(at).map(|place| i64::from(*place) - i64::from(terms[term].0))
    };
    let mut at = vec![0; places.len()];
    loop {
        let (mut least, mut most, mut second, mut which) = (i64::MAX, i64::MIN, i64::MAX, 0);
        for (term, at) in at.iter().enumerate() {
            let place = moved(term, *at).unwrap_or(i64::MAX);
            if place < least {
                (second, least, which) = (least, place, term);
            } else {
                second = second.min(place);
            }
            most = most.max(place);
        }
        let width = most - least;
        let next = moved(which, at[which] + 1);
        // The term that lies furthest back may come nearer.
        let nearer = places.len() > 1 && next.is_some_and(|next| next <= second);
        if width <= i64::from(slop) && !nearer && apart(places, terms, &at) {
            each(&at, width);
        }
        if next.is_none() {
            return;
        }
        at[which] += 1;
    }
}

/// Whether equal terms stand at different places.
fn apart(places: &[Vec<u32>], terms: &[(u32, usize)], at: &[usize]) -> bool {
    (1..places.len()).all(|term| {
        (0..term).all(|other| {
            terms[term].1 != terms[other].1 || places[term][at[term]] != places[other][at[other]]
        })
    })
}

/// A place of a phrase: a term, or all terms with a prefix.
pub(crate) struct Slot<'a> {
    pub(crate) cursors: Vec<TermCursor<'a>>,
    /// Rows of any of the cursors, if there are several.
    pub(crate) any: Option<Box<dyn Node + 'a>>,
    pub(crate) offset: u32,
    /// The same for equal terms.
    pub(crate) number: usize,
}

impl<'a> Slot<'a> {
    fn node(&mut self) -> &mut (dyn Node + 'a) {
        match &mut self.any {
            Some(any) => &mut **any,
            None => &mut self.cursors[0],
        }
    }
}

/// Rows that have a phrase.
pub(crate) struct PhraseNode<'a> {
    slots: Vec<Slot<'a>>,
    /// Numbers of slots, the cheapest first.
    order: Vec<usize>,
    terms: Vec<(u32, usize)>,
    slop: u32,
    weight: f32,
    field: FieldScores<'a>,
    places: Vec<Vec<u32>>,
    /// Where an exact phrase may begin in the row.
    begins: Vec<u32>,
    /// Rows of a range, until they are verified.
    found: Vec<u32>,
    /// Rows verified last, and how often they have the phrase.
    verified: Vec<(u32, f32)>,
}

impl<'a> PhraseNode<'a> {
    /// Every slot has a cursor.
    pub(crate) fn new(
        mut slots: Vec<Slot<'a>>,
        slop: u32,
        weight: f32,
        field: FieldScores<'a>,
    ) -> Result<PhraseNode<'a>> {
        let costs: Vec<u64> = slots.iter_mut().map(|slot| slot.node().cost()).collect();
        let mut order: Vec<usize> = (0..slots.len()).collect();
        order.sort_by_key(|slot| costs[*slot]);
        let terms = slots.iter().map(|slot| (slot.offset, slot.number)).collect();
        let places = vec![Vec::new(); slots.len()];
        Ok(PhraseNode {
            slots,
            order,
            terms,
            slop,
            weight,
            field,
            places,
            begins: Vec::new(),
            found: Vec::new(),
            verified: Vec::new(),
        })
    }

    /// How often an exact phrase stands in a row: the places where it may begin by its rarest term, as far as the
    /// others agree. Gives what `frequency` gives without slop.
    fn exact_frequency(&mut self, row: u32) -> f32 {
        for (nth, number) in self.order.iter().enumerate() {
            let (slot, places) = (&mut self.slots[*number], &mut self.places[*number]);
            places.clear();
            for cursor in &mut slot.cursors {
                cursor.positions(row, places);
            }
            if slot.cursors.len() > 1 {
                places.sort_unstable();
                places.dedup();
            }
            let begins = places.iter().filter_map(|place| place.checked_sub(slot.offset));
            if nth == 0 {
                self.begins.clear();
                self.begins.extend(begins);
            } else {
                let mut begins = begins.peekable();
                self.begins.retain(|wanted| {
                    while begins.next_if(|place| place < wanted).is_some() {}
                    begins.peek() == Some(wanted)
                });
            }
            if self.begins.is_empty() {
                return 0.0;
            }
        }
        self.begins.len() as f32
    }

    fn frequency(&mut self, row: u32) -> f32 {
        if self.slop == 0 {
            return self.exact_frequency(row);
        }
        for (slot, places) in self.slots.iter_mut().zip(&mut self.places) {
            places.clear();
            for cursor in &mut slot.cursors {
                cursor.positions(row, places);
            }
            if slot.cursors.len() > 1 {
                places.sort_unstable();
            }
        }
        frequency(&self.places, &self.terms, self.slop)
    }

    /// Keeps the rows that have the phrase and notes how often.
    fn verify(&mut self, rows: &mut Vec<u32>) {
        self.verified.clear();
        rows.retain(|row| {
            let frequency = self.frequency(*row);
            if frequency > 0.0 {
                self.verified.push((*row, frequency));
            }
            frequency > 0.0
        });
    }
}

impl Node for PhraseNode<'_> {
    fn cost(&self) -> u64 {
        let first = &self.slots[self.order[0]];
        match &first.any {
            Some(any) => any.cost(),
            None => first.cursors[0].cost(),
        }
    }

    fn range(&mut self, from: u32) -> Option<(u32, u32)> {
        let lead = self.order[0];
        self.slots[lead].node().range(from)
    }

    fn rows(&mut self, first: u32, last: u32, out: &mut Vec<u32>) {
        self.accepted_rows(first, last, &Accept::everything(), out);
    }

    fn accepted_rows(&mut self, first: u32, last: u32, accept: &Accept<'_>, out: &mut Vec<u32>) {
        let mut found = take(&mut self.found);
        found.clear();
        self.slots[self.order[0]].node().accepted_rows(first, last, accept, &mut found);
        for slot in &self.order[1..] {
            if found.is_empty() {
                break;
            }
            self.slots[*slot].node().retain(&mut found);
        }
        self.verify(&mut found);
        out.extend_from_slice(&found);
        self.found = found;
    }

    fn retain(&mut self, rows: &mut Vec<u32>) {
        for slot in &self.order {
            if rows.is_empty() {
                return;
            }
            self.slots[*slot].node().retain(rows);
        }
        self.verify(rows);
    }

    fn score(&mut self, rows: &[u32], scores: &mut [f64]) {
        if self.weight == 0.0 {
            return;
        }
        let mut at = 0;
        for (row, score) in rows.iter().zip(scores) {
            while self.verified.get(at).is_some_and(|(other, _)| other < row) {
                at += 1;
            }
            let frequency = match self.verified.get(at) {
                Some((other, frequency)) if other == row => *frequency,
                _ => self.frequency(*row),
            };
            if frequency > 0.0 {
                let length = self.field.lengths.length(*row);
                *score += f64::from(self.weight * self.field.norm.saturation(frequency, length));
            }
        }
    }

    fn has_scores(&self) -> bool {
        true
    }

    fn bound(&mut self, first: u32, last: u32) -> f64 {
        let mut most = self.weight;
        if self.slop > 0 {
            return f64::from(most);
        }
        // An exact phrase stands in a row no more often than its rarest term.
        for slot in self.slots.iter_mut().filter(|slot| slot.cursors.len() == 1) {
            most = most.min(self.weight * slot.cursors[0].saturation_bound(first, last));
        }
        f64::from(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(places: &[&[u32]], slop: u32, expected: f32) {
        let places: Vec<Vec<u32>> = places.iter().map(|p| p.to_vec()).collect();
        let terms: Vec<_> = (0..places.len()).map(|i| (i as u32, i)).collect();
        assert_eq!(frequency(&places, &terms, slop), expected, "{places:?} within {slop}");
    }

    #[test]
    fn phrases_are_counted() {
        check(&[&[1, 5, 9], &[2, 7, 10]], 0, 2.0);
        check(&[&[1, 5, 9], &[2, 7, 10]], 1, 2.5);
        check(&[&[3], &[2]], 1, 0.0);
        // Two words in reverse are moved by two.
        check(&[&[3], &[2]], 2, 1.0 / 3.0);
        check(&[&[0], &[1], &[2]], 0, 1.0);
        check(&[&[0], &[]], 5, 0.0);
        check(&[&[4, 6]], 0, 2.0);
    }

    #[test]
    fn equal_terms_need_two_places() {
        let places = [vec![3], vec![3]];
        assert_eq!(frequency(&places, &[(0, 0), (1, 0)], 5), 0.0);
        let places = [vec![3, 4], vec![3, 4]];
        assert_eq!(frequency(&places, &[(0, 0), (1, 0)], 0), 1.0);
    }
}
