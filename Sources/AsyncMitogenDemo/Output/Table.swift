/// Rows of text in aligned columns.
struct Table {
  struct Column {
    let title: String
    var alignment = TextAlignment.left
    /// How narrow it may become where there is little room; nil if it shows all or nothing.
    var narrowest: Int?
  }

  private let columns: [Column]
  private var rows: [[String]] = []
  private static let gap = "  "

  init(_ columns: [Column]) { self.columns = columns }

  /// Adds a row, which has a text for each column.
  mutating func add(_ row: [String]) {
    precondition(row.count == columns.count, "a row has as many texts as the table has columns")
    rows.append(row)
  }

  /// The lines, the titles first.
  ///
  /// - Parameter width: How long they may be. Columns that may become narrower do, then lines are cut. Nil if they may be as
  ///   long as they like.
  func lines(fitting width: Int?) -> [String] {
    let titles = columns.map(\.title)
    let table = [titles] + rows
    let natural = columns.indices.map { index in table.map { $0[index].displayWidth }.max() ?? 0 }
    let widths = width.map { shrink(natural, to: $0) } ?? natural
    return table.map { row in
      let cells = columns.indices.map { index in
        row[index].truncated(to: widths[index]).padded(to: widths[index], alignment: columns[index].alignment)
      }
      let line = cells.joined(separator: Table.gap).trimmingEnd()
      return width.map { line.truncated(to: $0) } ?? line
    }
  }

  private func shrink(_ natural: [Int], to width: Int) -> [Int] {
    var widths = natural
    var excess = widths.reduce(0, +) + Table.gap.count * (widths.count - 1) - width
    func room(_ index: Int) -> Int { columns[index].narrowest.map { widths[index] - $0 } ?? 0 }
    while excess > 0, let widest = widths.indices.max(by: { room($0) < room($1) }), room(widest) > 0 {
      widths[widest] -= 1
      excess -= 1
    }
    return widths
  }
}

extension String {
  /// The text without the blanks at its end.
  fileprivate func trimmingEnd() -> String {
    var result = self[...]
    while result.last == " " { result.removeLast() }
    return String(result)
  }
}
