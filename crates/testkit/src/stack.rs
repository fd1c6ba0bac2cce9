pub struct Stack;
pub struct StackBuilder;
pub struct Process;
