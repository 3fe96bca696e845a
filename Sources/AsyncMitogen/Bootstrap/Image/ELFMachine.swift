/// The type of machine that an executable is for.
struct ELFMachine: Sendable, Hashable, Codable {
  /// `e_machine`.
  let number: UInt16
  let is64Bit: Bool
  let isLittleEndian: Bool

  /// The one that this program is for.
  static var own: ELFMachine {
    #if arch(x86_64)
      ELFMachine(number: 62, is64Bit: true, isLittleEndian: true)
    #elseif arch(arm64)
      ELFMachine(number: 183, is64Bit: true, isLittleEndian: true)
    #elseif arch(riscv64)
      ELFMachine(number: 243, is64Bit: true, isLittleEndian: true)
    #else
      ELFMachine(number: 0, is64Bit: true, isLittleEndian: true)
    #endif
  }

  /// As the system's `uname -m` calls the machine type.
  var name: String {
    switch number {
    case 3: "i686"
    case 20: "ppc"
    case 21: isLittleEndian ? "ppc64le" : "ppc64"
    case 22: "s390x"
    case 40: "armv7l"
    case 62: "x86_64"
    case 183: "aarch64"
    case 243: is64Bit ? "riscv64" : "riscv32"
    case 258: "loongarch64"
    default: "type \(number)"
    }
  }

  /// Whether it runs on what calls itself `machine`.
  func runs(on machine: String) -> Bool {
    if name == machine { return true }
    return switch number {
    // A 64-bit kernel runs 32-bit programs too.
    case 3: machine.hasPrefix("i") && machine.hasSuffix("86") || machine == "x86_64"
    case 40: machine.hasPrefix("arm") || machine == "aarch64"
    case 62: machine == "amd64"
    case 183: machine == "arm64"
    default: false
    }
  }
}
