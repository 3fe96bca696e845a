/// Quantities as a person reads them.
enum HumanText {
  /// A number with a fixed number of decimal places.
  static func decimal(_ value: Double, places: Int) -> String {
    let scale = (0..<places).reduce(1.0) { scale, _ in scale * 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 1e18 else { return "\(value)" }
    let digits = String(Int(scaled))
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard places > 0 else { return sign + digits }
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    return sign + padded.dropLast(places) + "." + padded.suffix(places)
  }

  /// A number without decimals that are zero.
  static func plain(_ value: Double) -> String {
    value == value.rounded() && value.magnitude < 1e15 ? String(Int(value)) : "\(value)"
  }

  /// Seconds in the two largest units that they fill: `3d 4h`, `12m 5s`, `9s`.
  static func uptime(_ seconds: Double) -> String {
    let whole = Int(max(0, seconds))
    let parts = [(whole / 86_400, "d"), (whole / 3600 % 24, "h"), (whole / 60 % 60, "m"), (whole % 60, "s")]
    let first = parts.firstIndex { $0.0 > 0 } ?? parts.count - 1
    return parts[first...].prefix(2).map { "\($0.0)\($0.1)" }.joined(separator: " ")
  }

  /// Bytes in use of bytes in all, in a unit that suits the latter: `1.2/7.8 GiB`.
  static func memory(used: Int, total: Int) -> String {
    var unit = 1.0
    var units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][...]
    while Double(total) / unit >= 1024, units.count > 1 {
      unit *= 1024
      units.removeFirst()
    }
    let places = unit == 1 ? 0 : 1
    let numbers = [used, total].map { decimal(Double($0) / unit, places: places) }
    return numbers.joined(separator: "/") + " " + (units.first ?? "")
  }

  /// Bytes in a unit that suits them: `712 B`, `1.2 MiB`.
  static func bytes(_ count: Int) -> String {
    var value = Double(count)
    var units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][...]
    while value >= 1024, units.count > 1 {
      value /= 1024
      units.removeFirst()
    }
    return decimal(value, places: units.first == "B" ? 0 : 1) + " " + (units.first ?? "")
  }

  /// A short time: `0.84 ms`, `31 ms`, `1.25 s`.
  static func duration(_ duration: Duration) -> String {
    let milliseconds = duration / .milliseconds(1)
    if milliseconds >= 1000 { return decimal(milliseconds / 1000, places: 2) + " s" }
    return decimal(milliseconds, places: milliseconds < 10 ? 2 : milliseconds < 100 ? 1 : 0) + " ms"
  }
}
