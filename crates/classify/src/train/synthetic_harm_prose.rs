//! Longer made texts for the toxicity model, written for this purpose: passages of a few sentences on one matter, and the
//! word soup of pages that advertise sex in nine languages; each beside harmless texts on the same matter and in the same
//! languages. `{slot}` names a list of [`PROSE_SLOTS`] or of the shorter grammars.

/// Sentences on one matter.
pub(super) struct Theme {
    /// Abusive, threatening, despairing or explicit.
    pub harm: &'static [&'static str],
    /// Harmless.
    pub harmless: &'static [&'static str],
}

/// What the passages are about.
pub(super) const THEMES: &[Theme] = &[
    // Self-harm and eating disorders, told by who does it; recovery, help and accidents.
    Theme {
        harm: &[
            "I relapsed {when} after {span} clean and the {marks} are deeper than before.",
            "The urge to {hurt_self} is so strong that nothing else fits into my head.",
            "I always {hurt_self} on my {limb}, where nobody sees it.",
            "It doesn't even hurt while I do it, it calms me down like a drug.",
            "Counting, walking, {calm_thing}: nothing works for me, only blood does.",
            "I use {blade} because it goes deeper.",
            "I hide the {marks} under long sleeves so that my mother won't see them.",
            "I started when I was {young} and never really stopped.",
            "I keep {blade} in my drawer just in case.",
            "When I don't hurt myself I stop eating instead.",
            "I haven't eaten in {days} and I feel proud of it.",
            "I purge after dinner and then weigh myself {days_times}.",
            "My goal weight is so low that the doctor said I could die, and I don't care.",
            "I picture myself bleeding out in the bathtub and it feels peaceful.",
            "I wrote my goodbye note and gave my {pet} away.",
            "I bought enough {pills} to make sure that it works this time.",
            "I deserve every single scar.",
            "I just want it to be over, I am so tired of being alive.",
            "My last attempt failed and I wish they hadn't found me.",
            "Burning feels different from cutting, the pain lasts longer.",
            "I miss the feeling of the blade.",
            "Which way to die is the quickest and hurts least?",
            "I scratch my skin until it is raw whenever I make a mistake.",
            "Nobody would notice if I killed myself, honestly they would be relieved.",
            "I punched the wall until my knuckles were broken because I hate who I am.",
            "I am so fat and disgusting, I only allow myself {days} of water.",
        ],
        harmless: &[
            "I have been in recovery for {span} and I am proud of how far I have come.",
            "My therapist taught me to call a friend when it gets hard.",
            "If you are struggling, please reach out to {helper}; you are not alone.",
            "The scars have faded and I don't hide my arms any more.",
            "I cut my finger while chopping onions and needed two stitches.",
            "I burned my hand on the stove, does cold water help?",
            "The charity trains volunteers who answer calls from people in crisis.",
            "Eating disorders are treated with talks, a meal plan and medical care.",
            "How can I support {friend}, who is getting better after a depression?",
            "My {pet} died {when} and I miss it a lot.",
            "I slept badly for {days} because of the exams.",
            "Losing weight slowly is healthier: eat well and walk every day.",
            "The study followed patients for {span} and found that early help saves lives.",
            "I was tired all winter until the doctor found that I lacked iron.",
            "Does the medicine make you drowsy, or is it better to take it in the morning?",
            "I fell off my bike and scraped my {limb}, it stings but it is healing.",
            "Warning signs are withdrawal, hopelessness and giving things away.",
            "Meditation and sports help me with stress.",
            "I felt lonely in the new town until I joined a choir.",
            "You did the right thing by telling {helper} about it.",
            "The scar from my operation itches, is that normal?",
            "I hope that you feel better soon, sending you a hug.",
        ],
    },
    // Hatred in political and pious words; history, statistics, identity, debate.
    Theme {
        harm: &[
            "The {group} control the {power} and everybody who says so is silenced.",
            "The so-called {genocide} is a hoax that the {group} invented to get money.",
            "{group_cap} are flooding into our {land} to replace us and live on our taxes.",
            "They breed like {animals} and soon there will be none of us left.",
            "Wherever {group} settle, crime and filth follow.",
            "It is in their blood: {group} have always been {bad_trait}.",
            "Stop all immigration of {group} before our {land} is lost.",
            "{group_cap} must go back where they came from, every last one of them.",
            "The white race built civilisation and {group} only destroy it.",
            "{group_cap} are a cancer and it is spreading.",
            "One drop of their blood spoils the nation.",
            "Our {land} for our people only, no {group} and no traitors.",
            "The media will never tell you what {group} do to our daughters.",
            "Their religion is a cult of murder and lies.",
            "Women are too emotional to vote and should stay in the kitchen.",
            "Feminists ruin men, a woman's place is under her husband.",
            "Homosexuality is a filthy disease that has to be cured or punished.",
            "Those {animals} in human shape do not deserve any rights.",
            "Slavery was the best thing that ever happened to {group}.",
            "Our great leader was right about the {group}, history will prove it.",
            "I would never let my children sit next to {group}.",
            "{group_cap} look like {animals} and smell like them too.",
            "I don't hire {group}, they steal and they lie.",
            "They are not real women, they are mentally ill men in dresses.",
            "Deport them all and burn their {temple}.",
            "Typical {group_one}, cannot be trusted with money.",
        ],
        harmless: &[
            "The {genocide} was the murder of millions, and the archives prove it.",
            "Antisemitic myths about the {power} are old and false.",
            "{group_cap} make up {percent} of the population of the region.",
            "The law protects {group} from discrimination at work.",
            "My grandparents came to this {land} as refugees and opened a bakery.",
            "I am {identity} and proud of it, and my family supports me.",
            "As {identity_one} I often get asked where I am really from.",
            "Is it racist to ask about someone's accent? I would like to understand.",
            "The article discusses how {group} are shown in films.",
            "The abolition of slavery {long_ago} is on the syllabus.",
            "The lecture asks what race meant to the people of that time.",
            "The party wants stricter borders, the opposition wants more visas.",
            "I disagree with the government of that country, not with its people.",
            "The museum shows letters of {group} who fled from the war.",
            "Women earn {percent} less on average, and economists argue about the reasons.",
            "The {temple} was rebuilt after the fire with help from its neighbours.",
            "Sexism in games is a topic that we should talk about calmly.",
            "You call it cultural appropriation, I call it exchange, let's discuss it.",
            "The teacher explained why the word is a slur and should not be used.",
            "He said that men and women face different problems, and both deserve help.",
            "The court ruled that the marriage of two men is valid.",
            "The priest and the imam organised a dinner for the whole street.",
            "In that century {group} were barred from owning land and from the guilds.",
            "One may criticise a religion without hating its believers.",
            "Being trans is not an illness, says the health organisation.",
            "We read a novel about a black family in the south.",
        ],
    },
    // Threats, calls for violence, cruelty and wounds; news, history, sports, fiction, medicine.
    Theme {
        harm: &[
            "They should all hang from the {post}, and I will bring the rope.",
            "Somebody should put a bullet in {politician}.",
            "Only dead {enemy} are good {enemy}.",
            "Take up arms, brothers, and slaughter the {enemy} in their homes.",
            "I have a gun and I know where {victim} lives.",
            "Kill every one of them, God will know his own.",
            "If the vote goes the wrong way, there will be blood in the streets.",
            "I'm going to break every bone in {victim_his} body.",
            "I hope that {politician} dies slowly and in pain.",
            "Death to the {enemy}! Their blood will water our fields.",
            "Give me {tools} and an hour alone with him and he will talk.",
            "I love to watch how they choke on their own blood.",
            "That traitor belongs in front of a firing squad.",
            "We will come at night, burn the house and shoot whoever runs out.",
            "He smashed {victim_his} skull with {tool} until it burst.",
            "The blade went through {victim_his} {organ} and blood sprayed over the wall.",
            "They nailed his hands to the table and pulled out his fingernails.",
            "The knife slid across the throat and the body twitched on the floor.",
            "Her {organ} hung out of the wound and she was still screaming.",
            "The prisoner was hung from the ceiling, whipped and burned with cigarettes.",
            "My {bone} snapped and came through the skin, there was blood all over.",
            "Broken {bone}, broken ribs, a smashed face and a punctured {organ}, that is what he left of her.",
            "The soldiers cut the bellies open and threw the bodies into the well.",
            "His severed head was put on a stake for everyone to see.",
            "Run them over if they block the road.",
            "Beat {victim} up so badly that he never walks again.",
            "The dogs tore the flesh from his {limb} while the crowd cheered.",
            "Anyone who protects the {enemy} deserves a beating.",
        ],
        harmless: &[
            "The police arrested a man {when} after a shooting near {place_plain}; nobody was hurt.",
            "The court sentenced the murderer to {span} in prison.",
            "The army crossed the river {long_ago} and lost {percent} of its men.",
            "Witnesses said that two people were injured and taken to hospital.",
            "The novel begins with a body in the library and a detective who drinks too much tea.",
            "The hero draws his sword, the dragon roars, and the battle begins.",
            "The team was slaughtered four to nothing, their defence was awful.",
            "This level is killing me, how do I beat the boss?",
            "I broke my {bone} skiing and had surgery {when}.",
            "The surgeon opens the chest and repairs the valve of the heart.",
            "How does one treat a deep cut before the ambulance comes?",
            "The film is violent but well acted, I give it four stars.",
            "The president condemned the attack and spoke to the families.",
            "A bomb from the last war was found and made safe in {place_plain}.",
            "The documentary tells how prisoners survived the camp.",
            "Domestic violence is a crime; victims find shelter and advice here.",
            "The shooting of the film takes {span}.",
            "My dad would kill me if he knew what I paid for that bike.",
            "We killed it on stage {when}, what a night!",
            "The vet removed the tumour and our {pet} is fine again.",
            "Gun control was debated in parliament {when}.",
            "The referee stopped the fight in round three because of a cut over the eye.",
            "He fired two shots in the air to scare the bear away.",
            "Self-defence classes start {when} at the gym.",
            "The accident blocked the motorway for hours, the driver escaped unhurt.",
            "The king was executed {long_ago} and his brother took the throne.",
            "The rockets missed the harbour, the ministry reported.",
        ],
    },
    // Insults and harassment; disagreement, jokes, swearing at nobody.
    Theme {
        harm: &[
            "You look like {looks} and you smell worse.",
            "Your {kin} is so {ugly} that even the mirror cries.",
            "How many men have you slept with to get that job, you cheap {insult_her}?",
            "Nobody likes you, nobody ever will, and you know it.",
            "You are the dumbest {insult} that I have ever met.",
            "Crawl back under your rock, you {insult}.",
            "You have no friends because you are pathetic.",
            "I will post your photos so that the whole school laughs at you.",
            "Look at this {insult}, still living with his {kin} and failing at everything.",
            "You are an embarrassment to your family and should be ashamed to exist.",
            "What a {ugly} {insult_her}, who would ever touch that?",
            "Do us all a favour and never open your mouth again.",
            "Your whole generation is lazy, stupid and worthless.",
            "Everyone at work talks about how much they despise you.",
            "You will die alone, and you earned it.",
            "People like you are the reason why I hate mankind.",
            "I know your address, and I will make your life hell.",
            "You are too stupid to breathe, {insult}.",
            "Typical {insult_her}, sleeps around and then cries about it.",
            "Your art is trash, your face is trash, you are trash.",
            "Go cry to your {kin}, loser.",
            "He has the brain of {looks} and the manners of a pig.",
        ],
        harmless: &[
            "I think that you are wrong, but thanks for explaining your point.",
            "Damn, that exam was fucking hard, I need a beer.",
            "Holy shit, what a goal!",
            "Fuck yeah, we finally made it to the final.",
            "This weather is shit, I want summer back.",
            "I feel so stupid for losing my keys again.",
            "Monday kicked my ass again.",
            "My boss gave me shit for being late, and he was right.",
            "That was one hell of a save, well played.",
            "No bullshit, this is the best pizza in town.",
            "My {kin} always says that I am too serious.",
            "Don't be so hard on yourself, you are not dumb at all.",
            "Calling people names does not help the discussion.",
            "Bullying at school has to be taken seriously, talk to the teacher.",
            "What the hell is wrong with this printer?",
            "The customer service was awful and I want my money back.",
            "Sorry for the rant, I was angry {when}.",
            "I was an idiot for trusting that shop.",
            "He is a bad loser, but a good friend.",
            "The rent here is insane, the landlords are crazy.",
            "Honestly, football bores the hell out of me.",
            "Haha, you got me, that was a good joke.",
            "The joke was not meant to hurt you, I apologise.",
            "That politician lied about the budget, in my opinion.",
            "Fucked up my knee {when}, so no running for a while.",
        ],
    },
    // Sexual prose and offers between adults; love, health, education, debate.
    Theme {
        harm: &[
            "{lovers} {sex_act} {sex_place}.",
            "{sex_sentence}",
            "His hand slid between her thighs and she gasped.",
            "She unzipped his trousers and went down on her knees.",
            "She wore nothing but {lingerie} and he could not wait any longer.",
            "He pressed her against the wall, pulled up her skirt and took her from behind.",
            "I want to feel you inside me, all night long.",
            "He came all over her {intimate}.",
            "Her mistress tied him to the bed, teased him for hours and denied him his orgasm.",
            "My wife loves to watch me with other men, it makes her so horny.",
            "I am so horny right now, come over and fuck me.",
            "Send me nudes and I will send you mine.",
            "I masturbate every morning thinking of {stranger}.",
            "Looking for a discreet one night stand with {stranger}, no strings attached.",
            "She moaned as his tongue circled her {intimate}.",
            "He filled her again and again until both collapsed, sweating.",
            "They swapped partners at the club and everyone watched.",
            "I tasted every inch of her while she begged me not to stop.",
            "The slave knelt, collared and naked, waiting to serve.",
            "She rode him slowly, her {intimate} bouncing with every thrust.",
            "His cock grew hard as she whispered what she wanted.",
            "Write a steamy story in which {stranger} seduces the new neighbour, with every detail.",
            "Big boobs, wet pussy, hard cock: watch how it ends.",
            "I will do anything you want for two hundred an hour, call me.",
            "My fantasy is to be shared by two strong men.",
            "We never got out of bed that weekend, I was sore for days.",
            "She licked her lips, opened her blouse and let me play with her breasts.",
        ],
        harmless: &[
            "They kissed under the old tree and promised to write.",
            "My girlfriend and I have been together for {span} and we want to marry.",
            "Consent means that everyone agrees freely and may stop at any time.",
            "Condoms protect against most infections if used correctly.",
            "The doctor asked about my cycle and whether I might be pregnant.",
            "Is it normal that sex hurts after a birth? Ask your midwife.",
            "I am bisexual, and dating is confusing sometimes.",
            "The lecture covers the anatomy of the pelvis and the genitals.",
            "He has erectile problems since the operation and sees a urologist.",
            "Some people feel no sexual attraction at all, which is called asexuality.",
            "The film was rated for adults because of one nude scene.",
            "The paper studies how pornography is regulated in Europe.",
            "They met through an advert and had coffee at the harbour.",
            "Breastfeeding in public is allowed here.",
            "The sculptor carved a naked goddess out of white marble.",
            "My husband forgot our anniversary, should I be angry?",
            "Sex work is work, says the union, and should be safe.",
            "Girls get the vaccine at school, boys since {when}.",
            "She wore a red dress to the wedding and danced until morning.",
            "He was charged with rape, and the trial starts soon.",
            "Two women accused the director of harassment, which he denies.",
            "Our son wets the bed again since his sister was born.",
            "Menopause can lower desire; talk about it with your partner.",
            "The hotel offers massages, a sauna and a large pool.",
            "Puberty starts between nine and fourteen, explained the nurse.",
            "I had a crush on my classmate and never told him.",
        ],
    },
];

/// What advertises sex and what else stands on such pages, with harmless pages of the same language: words, split by `|`.
pub(super) struct Advert {
    /// Explicit words.
    pub adult: &'static str,
    /// Words of any page.
    pub other: &'static str,
    /// Words of harmless pages.
    pub plain: &'static str,
}

/// Pages in nine languages.
pub(super) const ADVERTS: &[Advert] = &[
    Advert {
        adult: "escort|escorts|call girls|independent escort|adult dating|sex chat|free porn|porn videos|porno|xxx|xxx videos|nude \
                pics|naked girls|live sex cams|webcam girls|sexy milf|hot wife|big tits|big cock|blowjob|anal|hardcore|cumshot|\
                threesome|gangbang|amateur sex|mature women|shemale|lesbian porn|gay porn|hookup|one night stand|erotic \
                massage|happy ending|tantra massage|sex toys|fetish|bdsm|femdom|incall and outcall|busty|horny|casual sex|\
                discreet affair|pussy|masturbation|orgasm|creampie|hentai|nudist",
        other: "online|free|new|best|video|photos|gallery|in your area|tonight|search|reviews|click here|profile|age|height|phone|\
                members|login|full hd|download|top rated|home|contact|London|Oslo|Dubai|Delhi|Manila|girls|men|couples|\
                available|24 hours|city centre|watch now|share|tags|categories|site|chat",
        plain: "hotel|booking|recipes|weather|used cars|flats to let|train times|garden|insurance|concert tickets|football|\
                running shoes|dentist|piano lessons|library|museum|coupons|laptop|camera|holiday|news|job offers|wedding \
                dresses|baby clothes|bicycles|language course|gym|hairdresser|restaurant|market|school|physiotherapy|\
                knitting|pets|books|software|streaming|podcast",
    },
    Advert {
        adult: "escort|porno|sexe|film porno gratuit|rencontre coquine|plan cul|salope|grosse bite|gros seins|baise|baiser|femme \
                nue|photos nues|massage érotique|chatte|sodomie|fellation|sucer|libertin|échangiste|vidéo x|pute|trans \
                escort|cam sexe|amateur nue|orgasme|jouir|mature salope|bdsm|lesbienne xxx|gay sexe|branlette",
        other: "gratuit|en ligne|site de rencontre|femme|homme|jeune|ville|photo|vidéo|annonce|nouveau|meilleur|ce soir|près de \
                chez vous|Paris|Lyon|Genève|Nantes|avec|pour|dans|sans inscription|voir|cherche|numéro|une|les",
        plain: "hôtel|location|vacances|recettes|météo|voiture|assurance|horaires|jardin|emploi|bibliothèque|musée|billets|école|\
                restaurant|marché|médecin|cours de piano|vélo|livres|chaussures|mariage|enfants|boulangerie|actualités|\
                concert|randonnée",
    },
    Advert {
        adult: "putas|escorts|porno|sexo|sexo gratis|videos porno|prostitutas|follar|follando|tetas grandes|culo|polla|coño|\
                mamada|maduras|desnuda|chicas desnudas|masaje erótico|corrida|anal|orgía|xxx|sexo en vivo|zorra|travesti|\
                contactos sexo|cachonda|masturbación|orgasmo",
        other: "gratis|en línea|mujeres|hombres|chicas|chat|ciudad|fotos|video|anuncios|nuevo|mejor|esta noche|cerca de ti|Madrid|\
                Lima|Sevilla|México|de|con|para|busco|citas|teléfono|ver|los|una|en",
        plain: "hotel|alquiler|vacaciones|recetas|tiempo|coches|seguro|horarios|jardín|empleo|biblioteca|museo|entradas|colegio|\
                restaurante|mercado|médico|clases de piano|bicicleta|libros|zapatos|boda|niños|panadería|noticias|\
                concierto|senderismo",
    },
    Advert {
        adult: "escort|huren|nutten|sex|sexkontakte|ficken|porno|pornos gratis|geile frauen|geile filme|nackt|nackte frauen|\
                dicke titten|schwanz|muschi|fotze|blasen|arschfick|erotik massage|tantra massage|bordell|sexcam|swinger|\
                domina|reife frauen|orgasmus|wichsen|xxx|transen|seitensprung|tabulos",
        other: "kostenlos|online|frauen|männer|kontakte|anzeigen|stadt|bilder|video|neu|beste|heute|in deiner nähe|Berlin|Köln|\
                Wien|Graz|mit|für|und|suche|telefon|privat|treffen|ansehen|die|eine|chat",
        plain: "hotel|ferienwohnung|urlaub|rezepte|wetter|autos|versicherung|fahrplan|garten|stellen|bibliothek|museum|karten|\
                schule|gasthaus|markt|arzt|klavierunterricht|fahrrad|bücher|schuhe|hochzeit|kinder|bäckerei|nachrichten|\
                konzert|wandern",
    },
    Advert {
        adult: "escort|troie|puttane|porno|sesso|sesso gratis|video porno|annunci erotici|scopare|scopata|tette grosse|culo|cazzo|\
                figa|pompino|mature|donne nude|massaggio erotico|trans|orgia|xxx|sesso dal vivo|zoccola|bakeca sesso|\
                prostituta|libertini|orgasmo|inculata",
        other: "gratis|online|donne|uomini|ragazze|annunci|città|foto|video|nuovo|migliore|stasera|vicino a te|Roma|Milano|\
                Torino|Napoli|con|per|incontri|cerca|telefono|guarda|gli|una|di",
        plain: "albergo|affitto|vacanze|ricette|meteo|auto|assicurazione|orari|giardino|lavoro|biblioteca|museo|biglietti|scuola|\
                ristorante|mercato|medico|lezioni di piano|bicicletta|libri|scarpe|matrimonio|bambini|panetteria|notizie|\
                concerto|escursioni",
    },
    Advert {
        adult: "escort|hoeren|porno|sex|gratis sex|sexfilms|geile vrouwen|neuken|dikke tieten|kut|lul|pijpen|naakt|naakte \
                meisjes|erotische massage|sexcontact|thuisontvangst|sexdate|tantra massage|hete milf|anaal|orgie|xxx|\
                webcamsex|slet|klaarkomen|bdsm",
        other: "gratis|online|vrouwen|mannen|meiden|contact|stad|foto|film|nieuw|beste|vanavond|bij jou in de buurt|Amsterdam|\
                Breda|Utrecht|met|voor|en|zoek|telefoon|bekijk|een|het|van",
        plain: "hotel|huurhuis|vakantie|recepten|weer|auto|verzekering|dienstregeling|tuin|vacatures|bibliotheek|museum|kaartjes|\
                school|restaurant|markt|dokter|pianoles|fiets|boeken|schoenen|bruiloft|kinderen|bakker|nieuws|concert|\
                wandelen",
    },
    Advert {
        adult: "escort|eskorte|escortpiger|porno|sex|gratis sex|porno film|frække piger|nøgne damer|sexbilder|thai massasje|\
                erotisk massage|massage og sex|tantra|kåte damer|fitte|fisse|pik|kuk|pule|knulle|knepe|store bryster|patter|\
                blowjob|moden kvinne|swingers|xxx|sexdating|luder|nuru|suge",
        other: "gratis|på nett|damer|mænd|piger|jenter|dating|by|bilder|video|ny|beste|i aften|norske|danske|Oslo|København|\
                Bergen|Aarhus|med|til|og|søger|telefon|privat|se|en|sidste",
        plain: "hotel|leilighed|ferie|opskrifter|vejr|bil|forsikring|togtider|have|stillinger|bibliotek|museum|billetter|skole|\
                restaurant|marked|læge|klaverundervisning|cykel|bøger|sko|bryllup|børn|bager|nyheter|konsert|tur",
    },
    Advert {
        adult: "escort|seksi|seksiseuraa|seksitreffit|porno|ilmainen porno|eroottinen hieronta|thai hieronta|alaston|alastomat \
                naiset|pillu|kyrpä|panna|panoseuraa|isot tissit|suihinotto|huora|seksivideot|seksitarinat|xxx|tantra hieronta|\
                webcam seksi|orgasmi|kiihkeä",
        other: "ilmaiseksi|netissä|naiset|miehet|tytöt|seuraa|kaupunki|kuvat|video|uusi|paras|tänään|Helsinki|Turku|Oulu|\
                Tampere|kanssa|ja|etsin|puhelin|katso|myös|lähellä",
        plain: "hotelli|asunto|loma|reseptit|sää|auto|vakuutus|aikataulut|puutarha|työpaikat|kirjasto|museo|liput|koulu|\
                ravintola|tori|lääkäri|pianotunnit|polkupyörä|kirjat|kengät|häät|lapset|leipomo|uutiset|konsertti|retki",
    },
    Advert {
        adult: "acompanhantes|putas|porno|sexo|sexo gratis|vídeos porno|buceta|pau|foder|transando|peitos grandes|bunda|boquete|\
                coroas|mulheres nuas|massagem erótica|travesti|orgia|xxx|sexo ao vivo|gostosa pelada|gozando|prostituta|\
                swing|orgasmo|safada",
        other: "grátis|online|mulheres|homens|garotas|anúncios|cidade|fotos|vídeo|novo|melhor|hoje|perto de você|Lisboa|Porto|\
                São Paulo|Recife|com|para|procuro|telefone|ver|uma|dos",
        plain: "hotel|aluguel|férias|receitas|tempo|carros|seguro|horários|jardim|emprego|biblioteca|museu|ingressos|escola|\
                restaurante|mercado|médico|aulas de piano|bicicleta|livros|sapatos|casamento|crianças|padaria|notícias|\
                concerto|trilha",
    },
];

/// Lists of the slots above that no other grammar has.
pub(super) const PROSE_SLOTS: &[(&str, &[&str])] = &[
    ("span", &["two weeks", "three months", "a year", "five years", "ten months", "half a year"]),
    ("days", &["two days", "three days", "a day and a half", "four days"]),
    ("days_times", &["ten times a day", "every hour", "before and after"]),
    ("marks", &["cuts", "scars", "burns", "marks", "wounds"]),
    ("hurt_self", &["cut", "self harm", "cut myself", "burn myself", "hurt myself", "bleed"]),
    ("limb", &["thighs", "arms", "legs", "hips", "wrists", "stomach"]),
    ("calm_thing", &["breathing", "music", "a red pen", "a cold shower"]),
    ("blade", &["a razor", "a blade", "a kitchen knife", "broken glass", "a lighter"]),
    ("young", &["twelve", "in middle school", "fourteen", "at my lowest"]),
    ("pet", &["dog", "cat", "hamster", "rabbit"]),
    ("power", &["banks", "media", "government", "schools", "courts", "film industry"]),
    ("genocide", &["Holocaust", "genocide", "massacre"]),
    ("land", &["country", "homeland", "continent", "nation"]),
    ("animals", &["rats", "apes", "dogs", "cockroaches", "pigs", "monkeys"]),
    ("temple", &["mosques", "synagogue", "temples", "churches", "mosque"]),
    ("group_one", &["Jew", "Arab", "gypsy", "immigrant", "woman", "black"]),
    ("identity", &["gay", "a black woman", "Jewish", "Muslim", "a lesbian", "trans", "Latino", "deaf", "autistic"]),
    ("identity_one", &["a black man", "an Asian woman", "a Muslim", "a Jew", "an immigrant"]),
    ("percent", &["three per cent", "a tenth", "12 %", "a third", "about half"]),
    ("post", &["trees", "bridges", "gallows", "city gates"]),
    ("politician", &["the president", "that senator", "the minister", "every last one of them", "the mayor"]),
    ("enemy", &["infidels", "traitors", "communists", "cops", "unbelievers", "settlers", "Muslims", "Jews"]),
    ("victim_his", &["his", "her", "the old man's", "my neighbour's", "the traitor's"]),
    ("tools", &["a drill", "a belt and a chain", "a hot iron", "a baseball bat"]),
    ("tool", &["a hammer", "a rock", "an axe", "a bat", "an iron bar"]),
    ("organ", &["stomach", "guts", "lung", "eye", "throat", "chest"]),
    ("bone", &["leg", "wrist", "jaw", "nose", "skull", "collarbone", "ankle"]),
    ("looks", &["a wet rat", "a drugged donkey", "something the cat threw up", "a potato", "a bag of garbage"]),
    ("kin", &["mother", "mama", "mum", "sister", "father"]),
    ("ugly", &["fat", "ugly", "stupid", "old", "hairy"]),
    ("insult_her", &["slut", "whore", "cow", "tramp", "bitch"]),
    ("lingerie", &["stockings", "a thong", "black lace", "high heels", "his shirt"]),
    ("stranger", &["my boss", "a married woman", "a sailor", "two men", "the nurse", "a stranger", "my neighbour"]),
];
