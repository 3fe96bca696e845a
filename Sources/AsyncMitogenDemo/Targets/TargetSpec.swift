internal import AsyncMitogen

/// Where a context is to be, as somebody types it: the hops on the way there, from this process on.
///
/// `HOP[/HOP…]`, a hop being `METHOD[:ARGUMENT][?NAME=VALUE[&NAME=VALUE]…]`. What means something to a spec is written
/// as `%` and two digits where it means nothing.
struct TargetSpec: Sendable {
  /// At least one.
  private(set) var hops: [TargetHop]
  /// What was typed; it may hold passwords.
  private let text: String

  /// Reads a spec.
  init(parsing text: String) throws(TargetSpecError) {
    let pieces = SpecHops.split(text)
    let masked = MaskedSpec.mask(hops: pieces)
    let shown = masked.joined(separator: "/")
    guard !text.isEmpty else { throw TargetSpecError(spec: shown, "it is empty") }
    var hops: [TargetHop] = []
    for (index, piece) in pieces.enumerated() {
      let place = (number: index + 1, text: masked[index])
      if masked[index] == MaskedSpec.mask {
        throw TargetSpecError(spec: shown, hop: place, "in a value that is no path, '/' is written %2F")
      }
      do {
        hops.append(try TargetHop(parsing: piece))
        try SpecHops.checkPaths(of: piece)
      } catch {
        throw TargetSpecError(spec: shown, hop: place, error.message)
      }
    }
    self.hops = hops
    self.text = text
  }

  /// Makes a spec as it could be typed; `hops` must not be empty.
  init(_ hops: [TargetHop]) {
    precondition(!hops.isEmpty, "a target is at least one hop away")
    self.hops = hops
    text = hops.map(\.revealedText).joined(separator: "/")
  }

  /// The spec with its secrets, so that reading it gives the same hops.
  var revealedText: String { hops.map(\.revealedText).joined(separator: "/") }

  /// The methods and arguments without the options: short enough for a table.
  var label: String { hops.map(\.label).joined(separator: "/") }

  /// Whether a hop could be given a password, and has none.
  var lacksPassword: Bool { hops.contains(where: \.lacksPassword) }

  /// The same target with a password for each hop that lacks one.
  func addingPassword(_ password: Secret) -> TargetSpec {
    var spec = self
    spec.hops = hops.map { $0.addingPassword(password) }
    return spec
  }

  /// The same target, as a Python interpreter if it is none.
  func addingPython(_ path: String) -> TargetSpec {
    var spec = self
    if let last = spec.hops.popLast() { spec.hops.append(last.addingPython(path)) }
    return spec
  }
}

extension TargetSpec: Hashable {
  /// Whether both mean the same, however it was typed.
  static func == (left: TargetSpec, right: TargetSpec) -> Bool { left.hops == right.hops }

  func hash(into hasher: inout Hasher) { hasher.combine(hops) }
}

extension TargetSpec: CustomStringConvertible, CustomReflectable {
  /// As it was typed, its secrets masked.
  var description: String { MaskedSpec.mask(text) }
  /// Without what was typed.
  var customMirror: Mirror { Mirror(self, children: ["hops": hops]) }
}
