//! Content streams (ISO 32000-1, 9.4): the text that they show, with a space where there is a gap and a line feed where the
//! next text stands lower or higher.

use std::{collections::HashMap, rc::Rc};

use super::{
    font::Font,
    object::{Dictionary, Lexer, Object, Token},
    store::Store,
};

/// Forms in forms.
const DEPTH_MAX: u32 = 8;
/// Forms shown for one page.
const FORMS_MAX: usize = 1_000;
/// Operands of one operator.
const OPERANDS_MAX: usize = 64;
/// Saved graphics states.
const STATES_MAX: usize = 64;
/// A gap between words, in ems.
const WORD_GAP: f64 = 0.2;
/// Bytes of text of one page.
const TEXT_BYTES_MAX: usize = 32 << 20;
/// Part of an em that a character takes where the font does not say.
const USUAL_WIDTH: f64 = 0.5;

type Matrix = [f64; 6];

const UNIT: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// What is first moved by `m`, then by `n`.
fn product(m: Matrix, n: Matrix) -> Matrix {
    [
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
        m[4] * n[0] + m[5] * n[2] + n[4],
        m[4] * n[1] + m[5] * n[3] + n[5],
    ]
}

/// Gathers the text of one page.
pub(super) struct Page<'s, 'a> {
    store: &'s mut Store<'a>,
    fonts: &'s mut HashMap<u32, Rc<Font>>,
    pub(super) text: String,
    /// Codes without a character.
    pub(super) unknown: u64,
    pub(super) pictures: u64,
    /// The text was longer than is kept.
    pub(super) cut: bool,
    forms: usize,
    font: Rc<Font>,
    size: f64,
    leading: f64,
    line: Matrix,
    at: Matrix,
    /// From the space of the text's matrix to that of the page.
    space: Matrix,
    /// Where the last text ended: x, y, and whether the x is known.
    end: Option<(f64, f64, bool)>,
    last_codes: usize,
}

impl<'s, 'a> Page<'s, 'a> {
    pub(super) fn new(store: &'s mut Store<'a>, fonts: &'s mut HashMap<u32, Rc<Font>>) -> Self {
        Self {
            store,
            fonts,
            text: String::new(),
            unknown: 0,
            pictures: 0,
            cut: false,
            forms: 0,
            font: Rc::new(Font::latin()),
            size: 1.0,
            leading: 0.0,
            line: UNIT,
            at: UNIT,
            space: UNIT,
            end: None,
            last_codes: 0,
        }
    }

    /// Shows a content stream with the resources of its page or form.
    pub(super) fn show(&mut self, content: &[u8], resources: &Dictionary, depth: u32) {
        let mut lexer = Lexer::content(content);
        let mut operands: Vec<Object> = Vec::new();
        let mut states: Vec<(Rc<Font>, f64, f64, Matrix)> = Vec::new();
        let mut fonts: HashMap<Vec<u8>, Rc<Font>> = HashMap::new();
        let objects = resources.get(b"XObject").map(|o| self.store.resolve(o));
        while let Some(token) = lexer.token() {
            match token {
                Token::Object(object) => {
                    if operands.len() < OPERANDS_MAX {
                        operands.push(object);
                    }
                }
                Token::Word(b"BI") => {
                    skip_picture(content, &mut lexer);
                    self.pictures += 1;
                    operands.clear();
                }
                Token::Word(b"q") => {
                    if states.len() < STATES_MAX {
                        states.push((Rc::clone(&self.font), self.size, self.leading, self.space));
                    }
                    operands.clear();
                }
                Token::Word(b"Q") => {
                    if let Some(state) = states.pop() {
                        (self.font, self.size, self.leading, self.space) = state;
                    }
                    operands.clear();
                }
                Token::Word(b"Do") => {
                    if let Some(Object::Name(name)) = operands.last() {
                        self.object(name, objects.as_ref(), resources, depth);
                    }
                    operands.clear();
                }
                Token::Word(b"Tf") => {
                    if let Some(Object::Name(name)) = operands.first() {
                        let known = fonts.get(name).map(Rc::clone);
                        self.font = known.unwrap_or_else(|| self.find_font(name, resources));
                        fonts.insert(name.clone(), Rc::clone(&self.font));
                    }
                    self.size = operands.get(1).and_then(Object::number).unwrap_or(0.0);
                    operands.clear();
                }
                Token::Word(word) => {
                    self.operator(word, &operands);
                    operands.clear();
                }
            }
        }
    }

    fn operator(&mut self, word: &[u8], operands: &[Object]) {
        let number = |i: usize| operands.get(i).and_then(Object::number).unwrap_or(0.0);
        match word {
            b"BT" => (self.line, self.at) = (UNIT, UNIT),
            b"cm" => self.space = product(std::array::from_fn(number), self.space),
            b"TL" => self.leading = number(0),
            b"Td" => self.move_by(number(0), number(1)),
            b"TD" => {
                self.leading = -number(1);
                self.move_by(number(0), number(1));
            }
            b"Tm" => {
                self.line = std::array::from_fn(number);
                self.at = self.line;
            }
            b"T*" => self.move_by(0.0, -self.leading),
            b"Tj" => self.string(operands.last()),
            b"'" | b"\"" => {
                self.move_by(0.0, -self.leading);
                self.string(operands.last());
            }
            b"TJ" => {
                for item in operands.last().and_then(Object::array).unwrap_or_default() {
                    match item {
                        Object::Number(n) => self.advance(-n / 1_000.0 * self.size),
                        item => self.string(Some(item)),
                    }
                }
            }
            _ => {}
        }
    }

    fn move_by(&mut self, x: f64, y: f64) {
        let [a, b, c, d, e, f] = self.line;
        self.line = [a, b, c, d, x.mul_add(a, y.mul_add(c, e)), x.mul_add(b, y.mul_add(d, f))];
        self.at = self.line;
    }

    fn advance(&mut self, by: f64) {
        self.at[4] += by * self.at[0];
        self.at[5] += by * self.at[1];
    }

    /// Shows one string where the text stands.
    fn string(&mut self, operand: Option<&Object>) {
        let Some(string) = operand.and_then(Object::string).filter(|s| !s.is_empty()) else { return };
        let shown = self.font.decode(string);
        self.unknown += shown.unknown;
        if self.text.len() + shown.text.len() > TEXT_BYTES_MAX {
            self.cut = true;
            return;
        }
        let m = product(self.at, self.space);
        let scale = m[0].hypot(m[1]).max(1e-6);
        let em = self.size.abs() * scale;
        if let Some((x, y, known)) = self.end {
            // Along the line and across it: text may be turned.
            let (dx, dy) = (m[4] - x, m[5] - y);
            let along = dx.mul_add(m[0], dy * m[1]) / scale;
            let across = dx.mul_add(-m[1], dy * m[0]) / scale;
            // Where widths are guessed, single characters side by side are one word.
            let gap = if known {
                WORD_GAP
            } else if self.last_codes == 1 {
                1.0
            } else {
                WORD_GAP
            };
            if across.abs() > em * 0.4 || along < -em * 2.0 {
                self.end_line();
            } else if along > em * gap && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
        }
        self.text.push_str(&shown.text);
        let codes = shown.codes as f64;
        let width = shown.width.map_or(codes * USUAL_WIDTH, |w| w / 1_000.0);
        self.advance(width * self.size);
        let m = product(self.at, self.space);
        self.end = Some((m[4], m[5], shown.width.is_some()));
        self.last_codes = shown.codes;
    }

    pub(super) fn end_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn find_font(&mut self, name: &[u8], resources: &Dictionary) -> Rc<Font> {
        let Some(Object::Dictionary(fonts)) = resources.get(b"Font").map(|f| self.store.resolve(f)) else {
            return Rc::new(Font::latin());
        };
        let Some(font) = fonts.get(name) else { return Rc::new(Font::latin()) };
        let Object::Reference(number) = font else { return Rc::new(Font::read(self.store, font)) };
        if let Some(known) = self.fonts.get(number) {
            return Rc::clone(known);
        }
        let read = Rc::new(Font::read(self.store, font));
        self.fonts.insert(*number, Rc::clone(&read));
        read
    }

    /// Shows a form; counts a picture.
    fn object(&mut self, name: &[u8], objects: Option<&Object>, resources: &Dictionary, depth: u32) {
        let Some(Object::Dictionary(objects)) = objects else { return };
        let Some(reference @ Object::Reference(number)) = objects.get(name) else { return };
        let Some(dictionary) = self.store.stream_dictionary(*number) else { return };
        if dictionary.is(b"Subtype", b"Image") {
            self.pictures += 1;
            return;
        }
        if depth >= DEPTH_MAX || self.forms >= FORMS_MAX {
            return;
        }
        self.forms += 1;
        let Some(content) = self.store.stream(reference) else { return };
        let own = dictionary.get(b"Resources").map(|r| self.store.resolve(r));
        let space = self.space;
        self.end_line();
        self.end = None;
        match own {
            Some(Object::Dictionary(own)) => self.show(&content, &own, depth + 1),
            _ => self.show(&content, resources, depth + 1),
        }
        self.end_line();
        (self.end, self.space) = (None, space);
    }
}

/// Passes over a picture in the content: its bytes are no operators.
fn skip_picture(content: &[u8], lexer: &mut Lexer<'_>) {
    while let Some(token) = lexer.token() {
        if token == Token::Word(b"ID") {
            break;
        }
    }
    let rest = content.get(lexer.at..).unwrap_or_default();
    let end = memchr::memmem::find_iter(rest, b"EI").find(|at| {
        let space = |b: Option<&u8>| b.is_none_or(u8::is_ascii_whitespace);
        *at > 0 && space(rest.get(at - 1)) && space(rest.get(at + 2))
    });
    lexer.at += end.map_or(rest.len(), |at| at + 2);
}
