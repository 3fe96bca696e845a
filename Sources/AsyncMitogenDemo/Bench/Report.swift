/// Prints figures as they come, as an aligned table or as JSON lines.
struct Report {
  let json: Bool

  func begin() {
    guard !json else { return }
    Console.line(Self.row("case", "value", "unit", "floor", "ratio", "target", "reached", "n"))
  }

  func add(_ figure: Figure) { Console.line(json ? Self.line(figure) : Self.row(figure)) }

  // MARK: - JSON

  private static func line(_ figure: Figure) -> String {
    // Names and units are our own and have nothing in them that would need escaping.
    let floor = figure.floor.map { decimal($0, places: 4) } ?? "null"
    let ratio = figure.ratio.map { decimal($0, places: 4) } ?? "null"
    return "{\"case\":\"\(figure.name)\",\"value\":\(decimal(figure.value, places: 4)),\"unit\":\"\(figure.unit)\","
      + "\"floor\":\(floor),\"ratio\":\(ratio),\"n\":\(figure.count)}"
  }

  // MARK: - Table

  private static func row(_ figure: Figure) -> String {
    let places = figure.value < 100 ? 2 : figure.value < 10_000 ? 1 : 0
    return row(
      figure.name, decimal(figure.value, places: places), figure.unit,
      figure.floor.map { decimal($0, places: places) } ?? "-", figure.ratio.map { decimal($0, places: 2) } ?? "-",
      figure.target.map { describe($0, unit: figure.unit) } ?? "-",
      figure.reached.map { $0 ? "yes" : "NO" } ?? "-", "\(figure.count)")
  }

  private static func row(
    _ name: String, _ value: String, _ unit: String, _ floor: String, _ ratio: String, _ target: String,
    _ reached: String, _ count: String
  ) -> String {
    let left = pad(name, to: 27) + pad(value, to: 11, right: true) + " " + pad(unit, to: 8)
    let middle = pad(floor, to: 11, right: true) + pad(ratio, to: 8, right: true)
    return left + middle + "  " + pad(target, to: 16) + pad(reached, to: 8) + pad(count, to: 8, right: true)
  }

  private static func describe(_ target: Target, unit: String) -> String {
    switch target {
    case .atMostTimesFloor(let limit): "≤ \(limit) × floor"
    case .atLeastTimesFloor(let limit): "≥ \(limit) × floor"
    case .atMost(let limit): "≤ \(limit) \(unit)"
    }
  }

  private static func pad(_ text: String, to width: Int, right: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, width - text.count))
    return right ? blanks + text : text + blanks
  }

  /// Writes a number with a fixed number of decimal places.
  private static func decimal(_ value: Double, places: Int) -> String {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 1e18 else { return "\(value)" }
    let digits = String(Int(scaled))
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    let sign = value < 0 ? "-" : ""
    return places == 0 ? sign + padded : sign + padded.dropLast(places) + "." + padded.suffix(places)
  }
}
