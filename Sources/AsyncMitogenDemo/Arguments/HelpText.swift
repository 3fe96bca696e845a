/// The texts of `help` and `--help`.
enum HelpText {
  static let program = """
    Usage: \(Program.name) [COMMAND] [OPTION…]

    Starts copies of itself, here or in other places, calls code in them, and leaves nothing behind.

    Commands:
      facts             what each context knows of itself and its host (the default)
      tree              the contexts and who started whom
      run -- COMMAND…   run a command in each context, with its output as it comes
      copy FILE PATH    copy a file to each target
      fetch FILE PATH   collect a file from each target
      tail FILE         the lines of a file in each target, as they are written
      top               load, memory and the busiest processes of each target, again and again
      services          what the service pool of each target does, again and again
      detach [PATH]     leave a context behind, which other runs of this program join
      bench             measure the library
      help [COMMAND]    this text, or a command's
      help targets      how to say where contexts are to be

    Options:
      --version         print the version
      --help            print this text; after a command, that command's

    Exit status: 0; 1 if something failed; 64 if the arguments make no sense; 130 after Ctrl-C, 143 after SIGTERM.
    A second Ctrl-C does not wait for the contexts to end: they end by themselves.

    """

  static let facts = """
    Usage: \(Program.name) facts [--local N] [--depth N] [--on SPEC]… [--python PROGRAM] [--json]

    Starts contexts and gathers facts in each of them: a table with a row for every context, the processes that use
    most CPU on each host, the tree, and how long each stage took. The use of CPU is that between two samples, taken
    \(FactsCommand.sampleMilliseconds) milliseconds apart.

      --python PROGRAM  gather them in Python contexts, which run that interpreter: python3 for instance. Beside this
                 program there must be a Python with Mitogen: python3, or what \(PythonBeside.variable) names.
      --json     one JSON document: {"contexts":[…],"stages":{…}}, times in milliseconds, memory in bytes. A context
                 that did not answer has "error" in place of its facts; a target that could not be connected has
                 "name", "target" and "error".

    """

  static let tree = """
    Usage: \(Program.name) tree [--local N] [--depth N] [--on SPEC]… [--json]

    Starts contexts and prints the tree of them, with their names, numbers in the tree, and process numbers.

      --json     one JSON document: the master, with its "children", and so on; "failures" of the master are the
                 targets that could not be connected

    """

  static let run = """
    Usage: \(Program.name) run [--local N] [--depth N] [--on SPEC]… [--json] -- COMMAND [ARGUMENT…]

    Runs a command in each context, standard input being empty, until it and all that it started have ended or closed
    their output. Its output and errors are printed line by line as they come, each with the name of its context; how
    the commands ended is listed on standard error. Exits with 1 if any failed.

      --json     JSON lines: {"context","name","line"} for each line of output, and for each context at its end
                 {"context","name","status"}, {"context","name","signal","error"} or {"context","name","error"}

    """

  static let copy = """
    Usage: \(Program.name) copy --on SPEC… [--resume] [--json] FILE PATH

    Copies a file to all targets at once, with its mode and times. It is there when it is complete, and in place of what
    was there before: until then it has another name. If PATH is a directory, the file keeps its name in it. To targets
    that have hops in common it goes over these once: the last of them keeps it, in its TMPDIR or /tmp, until the end.

      --resume   keep what a target has when its copy fails, in .NAME.partial, and go on with what is there
      --json     one JSON document: {"copies":[…]}, each with "path", "bytes" and "milliseconds", or with "error"

    """

  static let fetch = """
    Usage: \(Program.name) fetch --on SPEC… [--resume] [--json] FILE PATH

    Collects a file from all targets at once, with its mode and times. It is there when it is complete, and in place of
    what was there before. Of one target, it goes to PATH, or keeps its name in it if PATH is a directory. Of several,
    PATH is a directory, which is made if it is not there; each file is called as its target in it, with '_' for what
    is not a letter, a digit or one of -._@+=, and '~2' behind a name that is there already.

      --resume   keep what has come when a transfer fails, in .NAME.partial, and go on with what is there
      --json     one JSON document: {"fetches":[…]}, each with "path", "bytes" and "milliseconds", or with "error"

    """

  static let tail = """
    Usage: \(Program.name) tail --on SPEC… [--lines N] [--json] FILE

    Prints what is written to a file in each target, line by line as it comes, each with the name of its target, until
    Ctrl-C or until no target is left. A file that becomes shorter is read from its beginning; when another takes its
    name, that is read from then on; and one that is not there is waited for.

      --lines N  how many lines that are there already are printed: \(TailOptions.defaultLines) if not given
      --json     JSON lines: {"context","name","target","line"}, with "notice" in place of "line" for what happens to
                 the file, and "error" for what happens to the target

    """

  static let top = """
    Usage: \(Program.name) top --on SPEC… [--interval SECONDS] [--count N] [--json]

    Prints load, memory and the busiest processes of each target, until Ctrl-C or until no target is left: on a
    terminal one table that changes, elsewhere one after the other.

      --interval SECONDS  the time between two tables, and that for which the use of CPU is computed: 2 if not given
      --count N           end after that many tables
      --json              a line of JSON for each table: {"targets":[…]}, as in facts

    """

  static let services = """
    Usage: \(Program.name) services --on SPEC… [--interval SECONDS] [--count N] [--once] [--load N] [--json]

    Prints what the service pools of this process and of each target do: how many requests run and wait, how many
    methods have returned or failed, how many requests were refused or given up, for each method that has been called;
    on a terminal one table that changes, until Ctrl-C or until no target is left, elsewhere one table. So that there
    is something to see, each target calls methods in its own pool and in this process's.

      --load N            how many calls each target makes a second: \(ServicesOptions.defaultLoad) if not given, 0 for none
      --interval SECONDS  the time between two tables: 2 if not given
      --count N           end after that many tables; --once is --count 1
      --json              a line of JSON for each table: {"pools":[…]}, the first being this process's

    """

  static let detach = """
    Usage: \(Program.name) detach [--end] [PATH]

    Starts a context that outlives this process, and listens at PATH, or at a path of its own; prints the path and the
    number of its process. Other commands join it with --join PATH.

      --end      end the context that listens at PATH, and everything below it

    """

  static let bench = """
    Usage: \(Program.name) bench [ARGUMENT…]

    Measures the library. 'bench --help' says more.

    """

  static let local = """
      --local N  how many contexts this process starts if there are no targets: \(TreeOptions().local) if not given
      --depth N  how many more hang in a chain below the first, each started by the one above: \
    \(TreeOptions().depth) if not given

    """

  static let targetOptions = """
      --on SPEC           a target: 'local', 'ssh:user@host', 'ssh:host/sudo/docker:web', …; may be given again.
                          '\(Program.name) help targets' says more.
      --inventory FILE    the targets in a file, one a line; may be given again
      --join PATH         start from the context that listens at PATH; the target is itself if there are no others.
                          '\(Program.name) help detach' says more.
      --parallel N        how many targets are connected at once: \(TargetOptions().parallel) if not given, 0 for all
      --timeout SECONDS   how long it may take to connect a target
      --password-prompt   ask for one password, for all hops by ssh, sudo, su and doas that have none
      --help              print this text

    """
}
