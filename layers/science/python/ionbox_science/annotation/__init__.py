"""From scores to what people read: annotations and their table, colocalization, quality, reasons.

The last part of a run's science (``EstimateFdr``, ``PublishResults``); what comes in is
`ionbox_science.scoring.scores.IonScores` and `ionbox_science.theory.ions.IonTable`. `explanations`
and `why` run later, when someone asks about an ion of a finished run.
"""
