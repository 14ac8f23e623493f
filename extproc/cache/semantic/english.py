"""English, for telling whether two questions are the same."""

from extproc.cache.semantic.grammar import Grammar, groups, months, numbered, rewrites, words

_REQUEST = r"(?=(?:(?:tell|give|show|help) (?:me|us)|explain|describe|define|list|summari[sz]e|translate|compare)\b)"
_QUESTION = r"(?=(?:what|who|whom|whose|which|when|where|why|how|whether|if)\b)"
_ANYONE = r"(?:i|one|someone)"
_CLAUSE = r"(?:that|who|which|if|when|before|after|because|while|and|or|say|says|said)"
_NEAR = r"(?:of|on|in|at|to|than|with|from|for|by|and|or|between)"
_OF_WHAT = (
    ("tall", "height"),
    ("big", "size"),
    ("old", "age"),
    ("long", "length"),
    ("deep", "depth"),
    ("heavy", "weight"),
    ("wide", "width"),
)
_WHO_IS = r"(what|who|where|when|why|how|which|that|there|here|it|he|she|let)"

ENGLISH = Grammar(
    language="en",
    marks=words(
        """a an the is are was were be been being am do does did have has had can could will would shall should may
        might must not no never and or but if of to from in on at by with without for before after about into than
        as this that these those what who whom whose which when where why how i you he she it we they me him her us
        them my your his its our their there all some any only please tell explain describe define list give show
        help compare convert translate summarize summarise write more most less least many much long"""
    ),
    asking=words("what who whom whose which when where why how tell explain describe define list give show help")
    | {"~how-to", "~where-to"},
    numbers=numbered(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen twenty"""
    )
    | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90"}
    | {"1st": "first", "2nd": "second", "3rd": "third", "4th": "fourth", "5th": "fifth"},
    months=months(
        """january/jan february/feb march/mar april/apr may june/jun july/jul august/aug september/sep/sept october/oct
        november/nov december/dec"""
    ),
    synonyms=groups(
        """
        buy purchase
        buying purchasing
        bought purchased
        bigger larger
        biggest largest
        begin start
        begins starts
        film movie
        films movies
        child kid
        children kids
        email e-mail
        emails e-mails
        login log-in
        wifi wi-fi
        television tv
        telephone phone
        car automobile
        cars automobiles
        website web-site
        math maths
        color colour
        colors colours
        center centre
        favorite favourite
        behavior behaviour
        summarize summarise
        organize organise
        optimize optimise
        analyze analyse
        percent %
        km kilometer kilometre kilometers kilometres
        kg kilogram kilograms kilo kilos
        mg milligram milligrams
        cm centimeter centimetre centimeters centimetres
        mm millimeter millimetre millimeters millimetres
        """
    ),
    contractions=rewrites(
        [
            (r"\bcan't\b", "can not"),
            (r"\bcannot\b", "can not"),
            (r"\bwon't\b", "will not"),
            (r"\bshan't\b", "shall not"),
            (r"n't\b", " not"),
            (r"\bi'm\b", "i am"),
            (r"'re\b", " are"),
            (r"'ve\b", " have"),
            (r"'ll\b", " will"),
            (r"\b(i|we|you|they)'d (?=like|love|prefer)", r"\1 would "),
            (rf"\b{_WHO_IS}'s\b", r"\1 is"),
            (r"'s\b", " 's"),
        ]
    ),
    phrases=rewrites(
        [
            (rf"^((?:in|on|with) (?:[^\s,]+ ){{1,3}}), (how (?:do|can|could|to) (?!.* {_CLAUSE}\b).+)$", r"\2 \1"),
            (r"^(?:please|kindly) ", ""),
            (r"(?<!say)(?<!spell)(?<!word)(?: ,)? please$", ""),
            (rf"^(?:can|could|would|will) you (?:please )?{_REQUEST}", ""),
            (rf"^(?:please )?(?:tell me|let me know) {_QUESTION}", ""),
            (rf"^(?:do you know|can you say) {_QUESTION}", ""),
            (rf"^i (?:want|need|would like|would love) to know {_QUESTION}", ""),
            (r"^explain to me ", "explain "),
            (r"^tell me the ", "what is the "),
            (rf"^how (?:do|can|could) {_ANYONE} ", "~how-to "),
            (r"^(?:how to|what is the way to) ", "~how-to "),
            (rf"^where (?:do|can|could) {_ANYONE} ", "~where-to "),
            (r"^how much time does it take\b", "how long does it take"),
            (r"^in (?:what|which) year (?=did|was|were)", "when "),
            *((rf"^how {how} (is|was) ", rf"what \1 the {what} of ") for how, what in _OF_WHAT),
            (
                rf"^(what (?:is|are|was|were)) (?!.*\b{_NEAR}\b.* 's)((?:[^\s,]+ ){{1,3}})'s ((?:[^\s,]+ ?){{1,3}})$",
                r"\1 the \3 of \2",
            ),
            (r"(?<![^ ])to ((?:[^\s,]+ ){1,2}?)from ([^\s,]+)(?=$| in | on | at )", r"from \2 to \1"),
        ]
    ),
    decimal_comma=False,
)
