"""The page and the API: `znachki serve`.

    app        puts it together
    starting   the page of an empty folder, catalogues by upload, and works that go on in the background
    collection what is owned, wished for, to swap and missing, said by buttons
    browsing   the catalogue by filters, and each entry with its past
    curating   queues for curators: answers to judge, corrections, unknown pins, faults
    training   models trained, compared and promoted, each in a process of its own
    pages, api       what people see, what programs ask
    engine     the loaded recognizer, its queue, and the change to a new index
    shelf      the catalogue to browse, held in memory
    editing    changes of the catalogue, indexed at once
    lots       pictures of many pins, worked through in folders that outlive a kill
    uploads, corrections       what comes from outside
    access     tokens, ranks, sessions, forms, and what every request passes: limits, headers, nothing done twice
    problems, counters         errors, figures for Prometheus

Nothing here says how a photo is recognised: that is `recognizer.identify`.
"""
