//! How big a playbook and a run may get.

/// Limits on one playbook and on one run of it. Every parser, the validator and the interpreter hold to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a playbook file, YAML or JSON. Default 1 MiB.
    pub source_bytes_max: usize,
    /// Steps of one playbook, sub-playbooks included. Default 500.
    pub steps_max: usize,
    /// Scopes inside one another (branches, loops, sub-playbooks). Default 16.
    pub depth_max: usize,
    /// Branches of one parallel step, or cases of one switch. Default 32.
    pub branches_max: usize,
    /// Turns of one loop, also where the loop names none. Default 1,000.
    pub iterations_max: u32,
    /// Items of one for-each. Default 200.
    pub items_max: usize,
    /// Commands of one step. Default 16.
    pub commands_max: usize,
    /// Step instances of one run, loops unrolled. Default 10,000.
    pub instances_max: usize,
    /// Declared variables. Default 200.
    pub variables_max: usize,
    /// Bytes of one value as JSON: a variable, a step's output, one command's arguments. Default 64 KiB.
    pub value_bytes_max: usize,
    /// Bytes of one expression. Default 4 KiB.
    pub expression_bytes_max: usize,
    /// Brackets inside one another in one expression, and prefix or conditional operators in all of it. Default 16: the
    /// CEL parser recurses deeply at each.
    pub expression_depth_max: usize,
    /// Levels of one expression's tree: operators in a chain count one each. Default 64.
    pub expression_tree_max: usize,
    /// Comprehensions (`map`, `filter`, `all`, …) inside one another in one expression. Default 2.
    pub comprehension_depth_max: usize,
    /// Values (objects, members, items) that an expression may see. Default 20,000.
    pub context_nodes_max: usize,
    /// Attempts of one command. Default 20.
    pub attempts_max: u32,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        source_bytes_max: 1 << 20,
        steps_max: 500,
        depth_max: 16,
        branches_max: 32,
        iterations_max: 1_000,
        items_max: 200,
        commands_max: 16,
        instances_max: 10_000,
        variables_max: 200,
        value_bytes_max: 64 << 10,
        expression_bytes_max: 4 << 10,
        expression_depth_max: 16,
        expression_tree_max: 64,
        comprehension_depth_max: 2,
        context_nodes_max: 20_000,
        attempts_max: 20,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
