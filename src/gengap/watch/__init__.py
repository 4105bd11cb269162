"""The report of a study in a browser while its trials run.

    files of the folder -> snapshot.take_snapshot -> StudySnapshot -> server.PageVersion -> server.Server

The page is made from files only, so the study and the server can start and stop in any order.
"""
