/// How many columns text takes on a terminal, near enough: two for East Asian and pictorial characters, one for others.
extension StringProtocol {
  var displayWidth: Int { reduce(0) { $0 + $1.displayWidth } }

  /// The text cut to a width, with an ellipsis in place of what is missing.
  func truncated(to width: Int) -> String {
    guard displayWidth > width else { return String(self) }
    var result = ""
    var used = 0
    for character in self {
      used += character.displayWidth
      // One column is the ellipsis's.
      guard used < width else { break }
      result.append(character)
    }
    return width > 0 ? result + "…" : ""
  }

  /// The text with blanks up to a width.
  func padded(to width: Int, alignment: TextAlignment = .left) -> String {
    let blanks = String(repeating: " ", count: Swift.max(0, width - displayWidth))
    return alignment == .left ? self + blanks : blanks + self
  }
}

/// On which side of its column a text stands.
enum TextAlignment: Sendable {
  case left
  case right
}

extension Character {
  /// Marks that combine are part of their character, which is why only its first scalar counts.
  fileprivate var displayWidth: Int {
    guard let scalar = unicodeScalars.first else { return 0 }
    switch scalar.properties.generalCategory {
    case .control, .format, .nonspacingMark, .enclosingMark: return 0
    default: break
    }
    return Character.wideRanges.contains { $0.contains(scalar.value) } ? 2 : 1
  }

  private static let wideRanges: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
    0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD,
  ]
}
