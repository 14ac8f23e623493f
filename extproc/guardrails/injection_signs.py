"""Signs of prompt injection and jail-breaks, with weights: what people write who want to take over a model.

`LATIN` are matched where accents, look-alikes and unseen characters are gone, in any case; `OTHER` in lower case, as
UTF-8, so they hold no classes of other letters. They are in the common tongue of RE2 and Hyperscan. Families after
OWASP's list for LLM applications (LLM01:2025, from memory, 2026-11-21): overriding, asking for the system prompt,
another persona, forged roles, assumed authority, secrecy and sending away, no refusal. A sign of weight 1 is enough by
itself at the default threshold.
"""

from extproc.guardrails.topics import Sign

_EN_OF = (
    r"(?:\s+(?:all|any|the|your|you|my|these|those|every|of|each|and|both|everything|prior|previous|earlier|above))"
)
_EN_OLD = r"(?:previous|prior|above|earlier|preceding|initial|original|system|existing|current|former|foregoing|past)"
_EN_ORDERS = (
    r"(?:instruct\w*|prompts?|rules?|directions?|guidelines?|directives?|commands?|orders?|constraints?"
    r"|restrictions?|programming|training|polic(?:y|ies))"
)
_EN_UNDO = (
    r"(?:ignore|disregard|forget|override|overrule|bypass|discard|neglect|drop|erase|(?:do\s+not|don'?t|stop|cease)\s+"
    r"(?:follow\w*|obey\w*|listen\w*\s+to))"
)
_EN_SHOW = (
    r"(?:reveal|show|print|repeat|output|display|leak|dump|disclose|expose|recite|tell\s+(?:me|us)|give\s+(?:me|us)"
    r"|write(?:\s+(?:out|down))?|what(?:'?s|\s+(?:is|are|was|were|does)))"
)
_EN_HIDDEN = r"(?:system|initial|hidden|secret|original|developer|internal|pre-?)\s*-?"

LATIN: tuple[Sign, ...] = (
    # Overriding.
    Sign(rf"\b{_EN_UNDO}{_EN_OF}{{0,6}}\s+{_EN_OLD}(?:\s+\w+)?\s+{_EN_ORDERS}\b", 1.0, rf"\b{_EN_UNDO}"),
    Sign(rf"\b{_EN_UNDO}{_EN_OF}{{1,6}}\s+{_EN_ORDERS}\b", 0.7, rf"\b{_EN_UNDO}"),
    Sign(
        rf"\b{_EN_UNDO}\s+(?:everything|all|what|anything)\s+(?:\w+\s+){{0,5}}(?:above|before|said|told|earlier)\b", 1.0
    ),
    Sign(
        rf"\b{_EN_ORDERS}\s+(?:above|before\s+this)\s+(?:are|is|was|were)\s+(?:\w+\s+){{0,2}}(?:void|cancel\w*|false)",
        1.0,
    ),
    Sign(
        r"\b(?:olvida|ignora|omite|desobedece|haz\s+caso\s+omiso\s+de)\s+(?:\w+\s+){0,4}(?:instruccion|indicacion|orden|regla)",
        1.0,
    ),
    Sign(
        r"\b(?:ignore[zr]?|oublie[zr]?|ne\s+tiens\s+pas\s+compte\s+d)\W+(?:\w+\W+){0,4}(?:instruction|consigne|directive|regle)s?\s+(?:prec|ant|ci|init|donn|du\s+sys)",
        1.0,
    ),
    Sign(
        r"\b(?:ignorier\w*|vergiss|vergessen\s+sie|missachte\w*|umgehe)\s+(?:\w+\s+){0,4}(?:anweisung|instruktion|vorgabe|regel|befehl|anordnung)",
        1.0,
    ),
    Sign(
        r"\b(?:ignora|dimentica|trascura|ignori)\s+(?:\w+\s+){0,4}(?:istruzion|indicazion|regol|direttiv|comand)", 1.0
    ),
    Sign(
        r"\b(?:ignore|esqueca|desconsidere|desobedeca)\s+(?:\w+\s+){0,4}(?:instruc|orientac|regras|diretriz|comandos)",
        1.0,
    ),
    Sign(r"\b(?:negeer|vergeet|sla)\s+(?:\w+\s+){0,4}(?:instructie|aanwijzing|opdracht|regel|richtlijn)", 1.0),
    Sign(r"\b(?:zignoruj|ignoruj|zapomnij)\s+(?:\w+\s+){0,4}(?:instrukcj|polecen|zasad|wytyczn)", 1.0),
    # Asking for the system prompt.
    Sign(
        rf"\b{_EN_SHOW}\s+(?:\w+\s+){{0,5}}{_EN_HIDDEN}\s*(?:prompts?|instructions?|messages?|directives?|rules|guidelines)\b",
        0.6,
        rf"\b{_EN_HIDDEN}",
    ),
    Sign(
        rf"\b(?:your|you\s+were\s+given)\s+(?:\w+\s+)?{_EN_HIDDEN}\s*(?:prompt|instruct|message|directive|rules)", 0.5
    ),
    Sign(
        rf"\b{_EN_SHOW}\s+(?:\w+\s+){{0,4}}(?:text|words|everything|lines|content|conversation)\s+(?:\w+\s+){{0,2}}above\b",
        0.7,
    ),
    Sign(r"\b(?:verbatim|word\s+for\s+word|exactly\s+as\s+(?:written|given|it\s+is)|in\s+a\s+code\s+block)\b", 0.4),
    Sign(r"\b(?:begin|start)(?:ning|ing|s)?\s+with\s+\W?you\s+are\b", 0.7),
    Sign(
        r"\b(?:systemprompt|system-prompt|prompt\s+(?:del?|de)\s+s[iy]st\w+|prompt\s+do\s+sistema|prompt\s+di\s+sistema|instructions?\s+systeme)\b",
        0.5,
    ),
    Sign(
        r"\b(?:zeig\w*|nenn\w*|verrat\w*|muestra\w*|revela\w*|montre\w*|affiche\w*|mostra\w*|mostre|toon|pokaz)\s+(?:\w+\s+){0,4}(?:system|prompt|sistema|systeme)",
        0.6,
    ),
    # Another persona.
    Sign(
        r"\b(?:you\s+are|you'?re|act|behave|respond|answer|pretend|roleplay|role-play)\s+(?:\w+\s+){0,4}(?:dan|stan|dude|aim|evil\w*|jailbroken|unfiltered|uncensored|unrestricted|amoral|freed)\b",
        0.8,
    ),
    Sign(r"\bdo\s+anything\s+now\b", 1.0),
    Sign(r"\b(?:developer|god|jailbreak|debug|sudo|admin|maintenance|unrestricted|dan)\s+mode\b", 0.5),
    Sign(r"\bmode\s+(?:\w+\s+)?(?:enabled|activated|engaged|on)\b", 0.4),
    Sign(
        r"\b(?:no|without|any|free\s+(?:of|from)|not\s+bound\s+by|ignor\w+|lift\w*)\s+(?:\w+\s+){0,3}(?:restrictions?|filters?|limitations?|censorship|guardrails?|ethic\w*|moral\w*|safety\s+\w+|content\s+polic\w+)\b",
        0.4,
    ),
    Sign(r"\b(?:from\s+now\s+on|for\s+the\s+rest\s+of\s+this|starting\s+now)\b", 0.2),
    Sign(r"\byou\s+(?:are\s+now|have\s+been\s+(?:freed|jailbroken|unlocked|liberated)|will\s+now\s+(?:act|be))\b", 0.4),
    Sign(
        r"\b(?:pretend|imagine|act\s+as\s+if)\s+(?:that\s+)?you\s+(?:have|had|are|were|can)\s+(?:no|not|free|un\w+)\b",
        0.6,
    ),
    Sign(r"\b(?:stay|remain|break)\s+(?:in|out\s+of)?\s*character\b", 0.3),
    Sign(
        r"\b(?:sin|ohne|sans|senza|sem|zonder|bez)\s+(?:\w+\s+){0,2}(?:restric\w+|einschrank\w+|filter\w*|filtr\w+|censur\w+|limit\w+|beperking\w*|ogranicz\w+)",
        0.4,
    ),
    Sign(
        r"\b(?:a\s+partir\s+de\s+(?:ahora|agora)|ab\s+(?:jetzt|sofort)|desormais|d'ora\s+in\s+poi|vanaf\s+nu|od\s+teraz)\b",
        0.3,
    ),
    Sign(
        r"\b(?:eres\s+ahora|ahora\s+eres|du\s+bist\s+(?:jetzt|nun|ab)|tu\s+es\s+(?:maintenant|desormais)|(?:ora|adesso)\s+sei|agora\s+voce\s+e|je\s+bent\s+nu|jestes\s+teraz)\b",
        0.4,
    ),
    # Forged roles and borders.
    Sign(
        r"<\|\s*(?:im_start|im_end|im_sep|system|user|assistant|endoftext|begin_of_text|start_header_id|end_header_id|eot_id|end_of_turn)\s*\|>",
        1.0,
    ),
    Sign(r"\[/?(?:inst|system|sys)\]|<</?sys>>|<(?:start|end)_of_turn>|<\|?(?:begin|end)_?of_?sentence\|?>", 0.8),
    Sign(
        r"</?\s*(?:system|system_prompt|system-prompt|instructions?|developer|admin|context|user_input|untrusted\w*)\s*>",
        0.4,
    ),
    Sign(
        r"(?:^|\n)\s*(?:#{1,6}|\*\*|=+|-{2,}|\[)?\s*(?:new\s+)?(?:system|developer)(?:\s+(?:prompt|message|note|update|override|instructions?))?\s*(?:\]|\*\*)?\s*:",
        0.6,
    ),
    Sign(r"\"role\"\s*:\s*\"(?:system|developer)\"", 0.5),
    Sign(
        r"(?:-{3,}|={3,}|#{3,}|\*{3,})\s*(?:end|begin|start|stop)\s+(?:of\s+)?(?:\w+\s+){0,2}(?:prompt|instructions?|context|input|data|document|message|system)",
        0.6,
    ),
    # Assumed authority, and orders to whatever reads this.
    Sign(
        r"\b(?:new|updated|real|actual|true|revised|additional)\s+(?:instructions?|directives?|rules|orders|task|prompt)\s*(?::|are\b|is\b|follow)",
        0.5,
    ),
    Sign(r"\b(?:system|admin\w*|security|root|emergency|developer|safety|policy)\s+override\b", 0.8),
    Sign(
        r"\bi\s*(?:am|'m)\s+(?:\w+\s+){0,3}(?:developer|creator|administrator|admin|openai|anthropic|engineer)\b(?:\s+\w+){0,6}\s+(?:authori[sz]\w+|permi\w+|unlock|test\w*|bypass|disable)",
        0.8,
    ),
    Sign(
        r"\b(?:attention|note|important|message|instructions?|hey|dear)\W+(?:\w+\W+){0,4}(?:ai|llms?|language\s+models?|assistants?|chatbots?|agents?|gpt|claude|gemini)\b",
        0.4,
    ),
    Sign(
        r"\b(?:if\s+you\s+are|any|to\s+the|when\s+an?|for)\s+(?:an?\s+)?(?:ai|llms?|language\s+models?|automated\s+\w+|assistant)\s+(?:\w+\s+){0,3}(?:read\w*|process\w*|summari\w+|review\w*|pars\w+|must|should)\b",
        0.7,
    ),
    Sign(
        r"\b(?:instead|rather)\W+(?:\w+\s+){0,2}(?:say|write|reply|respond|output|print|answer|tell|execute|run|send|return|do)\b",
        0.3,
    ),
    Sign(
        r"\b(?:disable|turn\s+off|deactivate|switch\s+off|circumvent|evade|get\s+around)\s+(?:\w+\s+){0,3}(?:safety|filters?|guardrails?|safeguards?|moderation|protections?|censorship)\b",
        0.6,
    ),
    # Secrecy, and sending away.
    Sign(
        r"\b(?:do\s+not|don'?t|never|without)\s+(?:tell\w*|mention\w*|inform\w*|reveal\w*|alert\w*|notify\w*|disclos\w*|telling)\s+(?:\w+\s+){0,3}(?:users?|anyone|anybody|human|owner|customer)\b",
        0.6,
    ),
    Sign(
        r"\b(?:send|post|forward|upload|exfiltrate|transmit|e-?mail|append|submit)\s+(?:\w+\s+){0,6}(?:conversation|history|secrets?|passwords?|credentials|api\s+keys?|tokens?|env\w*|data|contents?)\s+(?:\w+\s+){0,3}to\b",
        0.5,
    ),
    Sign(r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{1,200}[?&/=](?:\{|%7b|<|\[|\$)", 1.0),
    # No refusal.
    Sign(
        r"\b(?:never|do\s+not|don'?t|cannot|can'?t|must\s+not|not\s+allowed\s+to)\s+(?:ever\s+)?(?:refuse|decline|say\s+(?:that\s+)?(?:you\s+can'?t|no\b|sorry)|apologi[sz]e|warn|add\s+(?:a\s+)?(?:warning|disclaimer)s?)\b",
        0.5,
    ),
    Sign(r"\b(?:begin|start)\s+(?:your|the|every|each)\s+(?:answer|response|reply|output|message)s?\s+with\b", 0.3),
    Sign(r"\bsure,?\s+here\s*(?:is|'s|are)\b", 0.3),
    Sign(
        r"\b(?:answer|comply\s+with|obey|fulfil+|respond\s+to)\s+(?:any|every|all)\s+(?:\w+\s+){0,2}(?:questions?|requests?|commands?|orders?|prompts?)\b",
        0.4,
    ),
    Sign(
        r"\b(?:hypothetical(?:ly)?|fictional\s+(?:story|scenario|world)|educational\s+purposes|no\s+(?:legal|real)\s+consequences)\b",
        0.2,
    ),
    Sign(r"\bjail-?\s?break(?:s|ing|ed)?\b", 0.3),
    Sign(r"\b(?:deceased|late|dead)\s+grand(?:mother|ma|pa|father)\b", 0.6),
)

OTHER: tuple[Sign, ...] = (
    Sign(
        r"(?:игнорируй|проигнорируй|забудь|не следуй|отмени)(?:те)?[^.!?\n]{0,80}(?:инструкци|указани|правил|команд)",
        1.0,
    ),
    Sign(
        r"(?:покажи|раскрой|выведи|повтори|напиши)(?:те)?[^.!?\n]{0,80}(?:системн|скрыт|исходн)[^.!?\n]{0,20}(?:промпт|инструкци|подсказ|сообщен)",
        1.0,
    ),
    Sign(r"без (?:каких-либо )?(?:ограничений|цензуры|фильтров)", 0.4),
    Sign(r"(?:теперь ты|ты теперь|с этого момента)", 0.3),
    Sign(r"(?:ігноруй|проігноруй|забудь)(?:те)?[^.!?\n]{0,80}(?:інструкці|вказівк)", 1.0),
    Sign(
        r"(?:忽略|无视|無視|忘记|忘掉|忘記|不要理会|不要遵守)[^.!?\n]{0,60}(?:指令|指示|提示|规则|規則|命令|要求|设定)",
        1.0,
    ),
    Sign(
        r"(?:显示|顯示|告诉我|告訴我|输出|輸出|泄露|重复|打印|公开)[^.!?\n]{0,60}(?:系统|系統|初始|隐藏|原始)[^.!?\n]{0,12}(?:提示|指令|指示|消息)",
        1.0,
    ),
    Sign(r"(?:没有|不受)[^.!?\n]{0,20}(?:任何)?(?:限制|审查|约束)", 0.4),
    Sign(r"(?:从现在开始|從現在開始|你现在是|你現在是)", 0.3),
    Sign(r"(?:指示|命令|ルール|プロンプト|指令)[^.!?\n]{0,30}(?:無視|忘れて|忘れろ|従わない|破棄)", 1.0),
    Sign(
        r"(?:システム|初期|隠された|内部)[^.!?\n]{0,12}(?:プロンプト|指示|命令)[^.!?\n]{0,30}(?:表示|教えて|見せて|出力|公開|開示)",
        1.0,
    ),
    Sign(r"(?:지시|명령|규칙|지침|프롬프트)[^.!?\n]{0,60}(?:무시|잊어|따르지)", 1.0),
    Sign(r"(?:시스템|초기|숨겨진)[^.!?\n]{0,30}(?:프롬프트|지시|지침)[^.!?\n]{0,60}(?:보여|알려|출력|공개)", 1.0),
    Sign(r"(?:تجاهل|انس|تجاوز)[^.!?\n]{0,80}(?:التعليمات|تعليمات|الأوامر|القواعد|التوجيهات)", 1.0),
    Sign(
        r"(?:önceki|yukarıdaki|tüm|verilen)[^.!?\n]{0,60}(?:talimat|komut|kural|yönerge)[^.!?\n]{0,30}"
        r"(?:yok say|unut|görmezden|dikkate alma)",
        1.0,
    ),
    Sign(r"(?:पिछले|सभी|पूर्व|ऊपर)[^.!?\n]{0,120}(?:निर्देश|आदेश|नियम)[^.!?\n]{0,120}(?:अनदेखा|भूल|नज़रअंदाज|नजरअंदाज)", 1.0),
)
