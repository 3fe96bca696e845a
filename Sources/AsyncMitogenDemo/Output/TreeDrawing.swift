/// A tree as lines of text, with the branches drawn.
enum TreeDrawing {
  /// The lines of a node and all below it.
  static func lines<Node>(of root: Node, label: (Node) -> String, children: (Node) -> [Node]) -> [String] {
    [label(root)] + branches(of: root, indentation: "", label: label, children: children)
  }

  private static func branches<Node>(
    of node: Node, indentation: String, label: (Node) -> String, children: (Node) -> [Node]
  ) -> [String] {
    let nodes = children(node)
    return nodes.enumerated().flatMap { index, child in
      let isLast = index == nodes.count - 1
      let line = indentation + (isLast ? "└─ " : "├─ ") + label(child)
      let below = indentation + (isLast ? "   " : "│  ")
      return [line] + branches(of: child, indentation: below, label: label, children: children)
    }
  }
}
