"""Evaluation: predictions beside the truth -> figures with intervals, a report, a comparison. Without torch.

predictions = predict(Session(emotion_model("mien-compact")), samples, head="fer7")   # predictions.py
predictions = read_predictions(Path("report/predictions.parquet"))                    # predictions_file.py
measure(predictions)["accuracy"]                                                      # metrics.py
compare(predictions, others).differences["accuracy"]                                  # comparison.py
evaluate_model(session, asked, *read_split(asked, session))                           # findings.py
audit(predictions)                                                                    # audit.py
"""
