extension HelpText {
  static let targets = """
    A target is a context in some place. A SPEC says how to get there from here, in one or more hops:

      SPEC    HOP[/HOP]…
      HOP     METHOD[:ARGUMENT][?NAME=VALUE[&NAME=VALUE]…]

    Each hop starts from where the last one led to. Targets that have their first hops in common share the contexts
    there. A target that cannot be connected is reported, and does not stop the others.

    Methods:
    \(methods)

    KIND is docker, lxc, lxd or machinectl. 'docker:?image=NAME' starts a new container. An IPv6 address stands in
    brackets. What stands for itself where it would mean something else is written as '%' and two digits: '%2F' is
    a slash, '%3A' a colon, '%26' an ampersand, '%25' a percent sign.

    Options are those of the method, by Mitogen's names, and may be paths: 'ssh:host?identity_file=~/.ssh/key'. A
    slash in a path ends it only if a method and a ':' or '?' follow: '…/key/sudo:'. Some may be given again, for a
    list: 'ssh_args=-o&ssh_args=User%20me'. All methods have
      \(wrapped(HelpText.common, indentation: "  "))

    With 'python', the last hop of a target leads to a Python interpreter: 'ssh:host?python=python3'. For facts it is
    as good as this program, and needs no more than Python there; beside this program there must be one with Mitogen
    (pip install mitogen): python3, or what the variable \(PythonBeside.variable) names.

    And beside them
    \(options)

    Passwords are not shown wherever a target is printed. In a process listing anybody can see them: better is
    --password-prompt, or an inventory that only you can read.

    An inventory (--inventory FILE) has a SPEC a line. Blank lines count for nothing, nor does what follows a '#' at
    the beginning of a line or behind a blank.

    """

  private static let common = [
    "connect_timeout", "debug", "name", "profiling", "python", "remote_name", "unidirectional",
  ]

  private static var methods: String {
    HopMethod.allCases.map { "  " + $0.syntax.argument.usage(of: $0.rawValue) }.joined(separator: "\n")
  }

  private static var options: String {
    HopMethod.allCases.map { method in
      let names = method.syntax.options.map(\.name).filter { !common.contains($0) }.sorted()
      return "  " + method.rawValue.padded(to: 9) + wrapped(names, indentation: "           ")
    }.joined(separator: "\n")
  }

  /// Words with commas between them, in lines that end before the hundredth column.
  private static func wrapped(_ words: [String], indentation: String) -> String {
    var lines = [""]
    for word in words {
      if lines[lines.count - 1].count + word.count > 96 - indentation.count { lines.append("") }
      let line = lines[lines.count - 1]
      lines[lines.count - 1] = line + (line.isEmpty ? "" : " ") + word + (word == words.last ? "" : ",")
    }
    return lines.joined(separator: "\n" + indentation)
  }
}
