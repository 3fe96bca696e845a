/// The program that looks for modules beside the master: it reads requests from its standard input and writes answers to
/// its standard output, each a pickle behind its length in four bytes.
///
/// No module is executed, for the master's machine is not where they are to run: finders are asked for each part of a name
/// in turn, and the source is scanned for imports, not run. What Mitogen does beyond is done by Mitogen: `minify`.
enum ModuleFinderScript {
  static let text = #"""
    import ast, os, pickle, re, struct, sys, sysconfig, zlib

    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # Whatever else is printed or read here is none of that.
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    main, search = sys.argv[1], sys.argv[2:]
    sys.path[:] = search + [entry for entry in sys.path if entry]

    import importlib.machinery, importlib.util, pkgutil

    try:
        import mitogen, mitogen.core, mitogen.minify
        mitogen.core.ImportPolicy
        unavailable = None
    except (ImportError, AttributeError) as error:
        unavailable = str(error)

    LIMIT = 10000
    MARK = re.compile(br"\s+#\s*!mitogen:\s*minify_safe")
    GUARD = re.compile(br"^if\s+__name__\s*==\s*.__main__.\s*:", re.M)
    standard = {os.path.realpath(path) for path in map(sysconfig.get_path, ("stdlib", "platstdlib")) if path}
    found, scanned = {}, {}


    class Refused(Exception):
        pass


    def places(spec):
        # A package without a file of its own asks its parent where it is, which has not been imported.
        try:
            return list(spec.submodule_search_locations)
        except (KeyError, AttributeError):
            return list(getattr(spec.submodule_search_locations, "_path", ()))


    def find(name):
        if name in found:
            return found[name]
        package, spec, path = name.rpartition(".")[0], None, None
        parent = find(package) if package else None
        if parent is not None and parent.submodule_search_locations is not None:
            path = places(parent)
        if path is not None or not package:
            for finder in sys.meta_path:
                look = getattr(finder, "find_spec", None)
                spec = look(name, path) if look else None
                if spec is not None:
                    break
        if len(found) < LIMIT:
            found[name] = spec
        return spec


    def is_standard(spec):
        if spec.origin in ("built-in", "frozen"):
            return True
        path = os.path.realpath(spec.origin) if spec.origin else ""
        if "site-packages" in path or "dist-packages" in path:
            return False
        return any(path.startswith(place + os.sep) for place in standard)


    def read(spec):
        """The path and the source; None if there is no source."""
        if spec.loader is None or not spec.has_location and spec.submodule_search_locations is not None:
            locations = places(spec)
            return (os.path.join(locations[0], "__init__.py"), b"") if locations else None
        if isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            path, text = spec.origin, importlib.util.decode_source(spec.loader.get_data(spec.origin))
        elif hasattr(spec.loader, "get_source"):
            path, text = spec.origin, spec.loader.get_source(spec.name)
        else:
            return None
        return None if text is None else (path, text.encode("utf-8", "surrogatepass"))


    def statements(body):
        for node in body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield node
            elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                for part in ("body", "handlers", "orelse", "finalbody"):
                    yield from statements(getattr(node, part, ()))


    def mentioned(name, is_package, source):
        """The modules that a source may import when it is imported itself."""
        parts = name.split(".")
        names = {".".join(parts[:count]) for count in range(1, len(parts))}
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError):
            return names
        for node in statements(tree.body):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                base = parts[:len(parts) - node.level + is_package] if node.level else []
                base = ".".join(base + ([node.module] if node.module else []))
                modules = [base] + [base + "." + alias.name for alias in node.names if base and alias.name != "*"]
            for module in modules:
                steps = module.split(".")
                names.update(".".join(steps[:count]) for count in range(1, len(steps) + 1))
        names.discard("")
        names.discard("__main__")
        return names


    def imports(name):
        if name not in scanned:
            spec, names = find(name), set()
            content = read(spec) if spec is not None and not is_standard(spec) else None
            if content is not None:
                for other in mentioned(name, spec.submodule_search_locations is not None, content[1]):
                    related = find(other)
                    if related is not None and not is_standard(related) and read(related) is not None:
                        names.add(other)
            if len(scanned) >= LIMIT:
                return names
            scanned[name] = names
        return scanned[name]


    def related(first):
        names, rest = set(first), list(first)
        while rest and len(names) < LIMIT:
            more = imports(rest.pop()) - names
            names |= more
            rest.extend(more)
        return names


    def script():
        if not main:
            raise Refused("there is no __main__ for Python contexts: set the installation's mainModule")
        with open(main, "rb") as file:
            source = file.read()
        guard = GUARD.search(source)
        if guard:
            return main, source[:guard.start()]
        if b"mitogen.main(" in source:
            return main, source
        raise Refused(
            "%s would run again in each Python context: let it end with if __name__ == \"__main__\":" % main)


    def module(name):
        if name == "__main__":
            path, source = script()
            submodules, names = None, mentioned(name, False, source)
            names = {other for other in names if find(other) is not None and not is_standard(find(other))}
        else:
            spec = find(name)
            content = read(spec) if spec is not None and not is_standard(spec) else None
            if content is None:
                return None
            path, source = content
            submodules = None
            if spec.submodule_search_locations is not None:
                submodules = sorted({entry.name for entry in pkgutil.iter_modules(places(spec))})
            names = imports(name)
        if MARK.search(source):
            source = mitogen.minify.minimize_source(source).encode()
        return submodules, path, zlib.compress(source, 9), sorted(related(names) - {name})


    def resource(package, name):
        spec, parts = find(package), name.split("/")
        if spec is None or spec.submodule_search_locations is None or is_standard(spec):
            return None
        if any(part in ("", ".", "..") or os.sep in part or "\0" in part for part in parts):
            return None
        for place in places(spec):
            try:
                return spec.loader.get_data(os.path.join(place, *parts))
            except (OSError, AttributeError):
                pass
        return None


    def describe():
        if unavailable is not None:
            raise Refused("%s, %s" % (sys.executable, unavailable))
        return list(mitogen.__version__)


    while True:
        head = requests.read(4)
        if len(head) < 4:
            os._exit(0)
        kind, arguments = pickle.loads(requests.read(struct.unpack(">L", head)[0]))
        try:
            answer = True, {"describe": describe, "module": module, "resource": resource}[kind](*arguments)
        except Refused as error:
            answer = False, str(error)
        except Exception as error:
            answer = False, "%s: %s" % (type(error).__name__, error)
        body = pickle.dumps(answer, 3)
        answers.write(struct.pack(">L", len(body)) + body)
        answers.flush()
    """#
}
