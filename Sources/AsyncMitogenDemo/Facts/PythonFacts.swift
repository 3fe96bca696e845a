internal import AsyncMitogen
internal import Glibc

/// The same facts, gathered in a Python context: it reads the files, and this program reads what is in them.
enum PythonFacts {
  /// Asks a Python context, of version 2.7 or 3.
  static func ask(_ context: Context, sampleMilliseconds: Int) -> Receiver<PickledValue> {
    let chain = CallChain(context, pipelined: true)
    // Executes code in any version. What goes wrong with it is how the second call ends.
    try? chain.callNoReply(python: "timeit.timeit", preparation, keywords: ["number": 1])
    return chain.callAsync(python: "async_mitogen_facts.gather", sampleMilliseconds)
  }

  /// Makes a module of the source. One line, for that is how it is indented.
  private static var preparation: String {
    let literal = source.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
    return "import sys, types; module = types.ModuleType('async_mitogen_facts'); "
      + "sys.modules[module.__name__] = module; exec(compile(\"\(literal)\", 'facts', 'exec'), module.__dict__)"
  }

  /// Without double quotes and backslashes, which would mean something where this is put.
  private static let source = """
    from __future__ import unicode_literals
    import io, os, time
    clock = getattr(time, 'monotonic', time.time)
    def read(path):
        try:
            with io.open(path, encoding='utf-8', errors='replace') as file:
                return file.read(65536)
        except (IOError, OSError):
            return ''
    def processes(name):
        return {number: read('/proc/%s/%s' % (number, name)) for number in os.listdir('/proc') if number.isdigit()}
    def gather(milliseconds):
        first, start = processes('stat'), clock()
        time.sleep(milliseconds / 1000.0)
        seconds = clock() - start
        files = ['sys/kernel/hostname', 'sys/kernel/random/boot_id', 'sys/kernel/osrelease', 'meminfo', 'uptime', 'loadavg']
        return {
            'first': first, 'seconds': seconds, 'second': processes('stat'), 'passwd': read('/etc/passwd'),
            'commands': {number: text.split(chr(0))[0] for number, text in processes('cmdline').items()},
            'files': {name: read('/proc/' + name) for name in files},
            'pid': os.getpid(), 'ppid': os.getppid(), 'uid': os.geteuid(), 'ticks': os.sysconf(str('SC_CLK_TCK')),
        }
    """

  /// Reads what such a context answers.
  ///
  /// - Throws: ``StreamError`` if it is something else.
  static func facts(in answer: PickledValue, topProcesses count: Int) throws -> Facts {
    func integer(_ key: String) throws -> Int {
      guard case .integer(let value)? = answer[key] else { throw StreamError("no \(key) in what Python answered") }
      return value
    }
    guard case .float(let seconds)? = answer["seconds"], let first = answer["first"], let second = answer["second"],
      let files = answer["files"], let commands = answer["commands"], seconds > 0
    else { throw StreamError("Python answered something else than facts") }
    func file(_ name: String) -> String { files[name]?.text ?? "" }
    func word(_ name: String) -> String {
      let words = file(name).split(whereSeparator: \.isWhitespace).joined(separator: " ")
      return words.isEmpty ? "?" : words
    }
    let top = ProcessUse.top(
      count, from: readings(first), to: readings(second), seconds: seconds, ticksPerSecond: Double(try integer("ticks"))
    )
    let memory = HostReadings.memory(file("meminfo")) ?? (0, 0)
    let user = try integer("uid")
    return Facts(
      hostName: word("sys/kernel/hostname"), bootID: word("sys/kernel/random/boot_id"),
      kernel: word("sys/kernel/osrelease"),
      user: HostReadings.userName(of: UInt32(clamping: user), in: answer["passwd"]?.text ?? "") ?? "\(user)",
      processID: try integer("pid"), parentProcessID: try integer("ppid"),
      uptime: HostReadings.uptime(file("uptime")) ?? 0, loads: HostReadings.loads(file("loadavg")) ?? [],
      memoryUsed: memory.used, memoryTotal: memory.total,
      topProcesses: top.map { $0.named(by: commands["\($0.processID)"]?.text) })
  }

  private static func readings(_ processes: PickledValue) -> [Int: ProcessReading] {
    guard case .dictionary(let entries) = processes else { return [:] }
    var readings: [Int: ProcessReading] = [:]
    for entry in entries {
      guard let number = entry.key.text.flatMap({ Int($0) }), let text = entry.value.text else { continue }
      readings[number] = ProcessReading(text)
    }
    return readings
  }
}

extension PickledValue {
  /// The text that it is; nil if it is none.
  fileprivate var text: String? { if case .string(let text) = self { text } else { nil } }
}
