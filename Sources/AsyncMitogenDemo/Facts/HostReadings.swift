/// What Linux's files say of a host, read from their text: pure, so that any text can be tried.
enum HostReadings {
  /// Seconds since the host's start, from `/proc/uptime`.
  static func uptime(_ text: String) -> Double? { text.split(separator: " ").first.flatMap { Double($0) } }

  /// The mean number of runnable processes over 1, 5 and 15 minutes, from `/proc/loadavg`.
  static func loads(_ text: String) -> [Double]? {
    let loads = text.split(separator: " ").prefix(3).compactMap { Double($0) }
    return loads.count == 3 ? loads : nil
  }

  /// Bytes of memory in use and in all, from `/proc/meminfo`. What the kernel could give back at once is not in use.
  static func memory(_ text: String) -> (used: Int, total: Int)? {
    var kibibytes: [Substring: Int] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(whereSeparator: { $0 == " " || $0 == ":" })
      if words.count >= 2, let value = Int(words[1]) { kibibytes[words[0]] = value }
    }
    // Kernels before 3.14 have no MemAvailable.
    guard let total = kibibytes["MemTotal"], let available = kibibytes["MemAvailable"] ?? kibibytes["MemFree"] else {
      return nil
    }
    return ((total - available) * 1024, total * 1024)
  }

  /// The name of a user, from the text of `/etc/passwd`.
  ///
  /// A name service would know more, but a static program cannot load its modules.
  static func userName(of identifier: UInt32, in text: String) -> String? {
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      if fields.count > 2, UInt32(fields[2]) == identifier { return String(fields[0]) }
    }
    return nil
  }
}
